"""The worker: claims conversations, keeps their leases, stores their turns, hands them on."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from typing import Any

import msgspec
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts.credentials import CredentialUnusable
from accounts.database import in_database
from accounts.failover.failures import Failure
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations.bus import Bus
from conversations.link import LinkStream, Listener, listen, listen_memory
from conversations.models import Lease, WorkerProcess
from conversations.recordings.recorder import Recorder
from conversations.states import EndReason
from conversations.worker.drain import LOOK_AGAIN_S, Drain
from conversations.worker.host import SessionHost
from conversations.worker.intake import Intake, reason_of
from conversations.worker.lag import LagGauge
from conversations.worker.limits import LimitsWatch
from conversations.worker.loading import Case, Change, change_line, live_session
from conversations.worker.standstill import Standstill
from conversations.worker.store import Store

log = logging.getLogger(__name__)

RENEW_S = 1.0
# A conversation that nobody looks at keeps its host for this long, then it is paused.
# The page's own clock began at its last frame, and to connect takes a moment.
DETACHED_S = p.RESUME_WINDOW_S + 5.0
# Conversations have pauses: most of them come to one within this time.
DRAIN_S = 30.0
# For the last words after a drain's deadline, while the database does not take them.
LAST_WORDS_S = 10.0
# For the last seconds of a recording when a conversation is handed on: its user waits.
LAST_SOUND_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker runs. `listen_at` is (host, port), or None to serve its own process only.

    `reached_at` is the link address that web processes dial, where that is another one.
    """

    listen_at: tuple[str, int] | None
    link_secret: bytes
    capacity: int = 500
    too_late_s: float = math.inf
    tls: SSLContext | None = None
    reached_at: str = ""
    drain_s: float = DRAIN_S
    clock: Callable[[], float] = time.monotonic


class Worker:
    def __init__(self, bus: Bus, options: WorkerOptions) -> None:
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.hosts: dict[uuid.UUID, SessionHost] = {}
        self.address = ""
        self._bus = bus
        self._options = options
        self._listener: Listener | None = None
        self.intake = Intake(self, options.capacity, LagGauge(options.too_late_s))
        self._parting: set[uuid.UUID] = set()
        self.is_draining = False
        self._leaving = False
        self._standstill = Standstill(options.clock, self._stood_still)
        self._store = Store(self._lost)
        self._recorder = Recorder()
        self.limits = LimitsWatch(self.hosts.values, self.wants_end)
        self._loops: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Task[Any]] = set()

    # --- life ----------------------------------------------------------------------

    async def start(self) -> None:
        """Listen for links and for conversations that want a host."""
        if self._options.listen_at is None:
            self._listener = listen_memory(self._accept)
        else:
            host, port = self._options.listen_at
            self._listener = await listen(
                self._accept,
                host=host,
                port=port,
                secret=self._options.link_secret,
                ssl=self._options.tls,
            )
        self.address = self._options.reached_at or reachable(self._listener.address)
        self._loops = [
            asyncio.create_task(self._renew_forever(), name="lease renewal"),
            asyncio.create_task(self._store.run(self.hosts.values), name="transcript writer"),
            asyncio.create_task(self.limits.look_up_forever(), name="limits looked up"),
            asyncio.create_task(self.limits.judge_forever(), name="limits judged"),
            asyncio.create_task(self.intake.watch_lag(), name="loop lag"),
            asyncio.create_task(self._standstill.watch(), name="standstill"),
        ]
        await in_database(enrol, self.name, self.address, self._options.capacity)
        await self._bus.join(b.WORKERS, self._hear)
        log.info("worker %s is ready at %s", self.name, self.address)

    async def drain(self, patience_s: float | None = None) -> None:
        """Take nothing new; hand each conversation on at its next rest, or at the deadline."""
        self.is_draining = True
        options = self._options
        patience_s = options.drain_s if patience_s is None else patience_s
        # Nobody else can take what is reached within this process only.
        others = options.listen_at is not None
        await Drain(self, patience_s, waits_for_others=others).run()

    async def aclose(self, patience_s: float | None = None) -> None:
        """Drain, in `patience_s` seconds or as the options say, and stop."""
        self._leaving = True
        await self._bus.leave(b.WORKERS, self._hear)
        patience_s = self._options.drain_s if patience_s is None else patience_s
        giving_up = asyncio.create_task(self._give_up_late(patience_s), name="last words given up")
        await self.drain(patience_s)
        while self._parting and not giving_up.done():  # noqa: ASYNC110 - many tasks end it
            await asyncio.sleep(LOOK_AGAIN_S)
        for task in [giving_up, *self._loops, *self._errands]:
            task.cancel()
        await asyncio.gather(giving_up, *self._loops, *self._errands, return_exceptions=True)
        self._recorder.close()
        if self._listener is not None:
            await self._listener.aclose()
        try:
            await in_database(sign_off, self.name)
        except DatabaseError as error:
            log.warning("worker not signed off: %s", type(error).__name__)

    async def _give_up_late(self, patience_s: float) -> None:
        await asyncio.sleep(patience_s + LAST_WORDS_S)
        self._store.give_up()

    async def _report(self) -> None:
        """Say that this worker lives, and hear whether it is wanted to drain."""
        has_room = None if self.is_draining else self.intake.room > 0
        drained = self.is_draining and not self.hosts
        lag_ms = round(self.intake.lag.smoothed_s * 1000)
        wanted = await in_database(
            report, self.name, drained=drained, has_room=has_room, lag_ms=lag_ms
        )
        if wanted and not self.is_draining:
            log.info("worker drains: an operator asked for it")
            self.is_draining = True
            self.errand(self.drain())
        elif not wanted and self.is_draining and not self._leaving:
            log.info("worker takes conversations on again")
            self.is_draining = False

    # --- taking conversations ---------------------------------------------------------

    def _hear(self, message: b.Message) -> None:
        if isinstance(message, b.Asked) and message.worker == self.name:
            self.errand(self._report())
        if not isinstance(message, b.Wanted) or self.is_draining:
            return
        self.intake.hear(message)

    async def open_host(self, case: Case) -> None:
        """Host a conversation whose lease was won."""
        host = SessionHost(
            case,
            partial(live_session, case),
            self,
            clock=self._options.clock,
            standstill=self._standstill,
            keep=self._recorder.keep_for(case.whose) if case.is_recorded else None,
        )
        self.hosts[case.conversation_id] = host
        host.start()
        await self._bus.join(b.conversation_group(case.conversation_id), self._look)
        await self.announce(host)

    async def announce(self, host: SessionHost) -> None:
        """Tell who looks for the conversation that it is here."""
        conversation_id = host.case.conversation_id
        opened = b.Opened(str(conversation_id), self.address, host.epoch)
        await self._bus.publish(b.conversation_group(conversation_id), opened)

    def _look(self, message: b.Message) -> None:
        if isinstance(message, b.Stopped):
            self.errand(self._renew())

    def _accept(self, stream: LinkStream) -> None:
        try:
            attach = p.attach_decoder.decode(stream.info)
            host = self.hosts[uuid.UUID(attach.conversation)]
        except (msgspec.MsgspecError, ValueError, KeyError):
            stream.close(p.STREAM_NOT_HERE)
            return
        host.view(stream, attach)

    # --- keeping them -------------------------------------------------------------------

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._renew()
                await self._report()
            except DatabaseError as error:
                # Nobody else can claim without the database either: the calls go on.
                log.warning("leases not renewed: %s", type(error).__name__)
            self._pause_the_deserted()
            if not self.is_draining:
                self.errand(self.intake.look())

    async def _renew(self) -> None:
        asked = list(self.hosts.values())
        if not asked:
            return
        held = await in_database(renew, self.name)
        for host in asked:
            epoch, stop_reason = held.get(host.case.conversation_id, (0, ""))
            if epoch != host.epoch:
                self.errand(self._fenced(host))
            elif stop_reason:
                self.wants_end(host, EndReason(stop_reason))
        known = self.hosts.keys() | self.intake.claiming | self._parting
        for conversation_id in held.keys() - known:
            # Won, but never opened (the database failed in between): let others have it.
            await in_database(release, conversation_id, self.name, held[conversation_id][0])

    def _stood_still(self) -> None:
        log.warning("this process stood still: looking whose its conversations are")
        self.errand(self._look_after_standstill())

    async def _look_after_standstill(self) -> None:
        """Renew before anything else; who was fenced is closed before anybody goes on."""
        while True:
            try:
                await self._renew()
                break
            except DatabaseError as error:
                log.warning("leases not renewed: %s", type(error).__name__)
                await asyncio.sleep(RENEW_S)
        self._standstill.settle()

    def _pause_the_deserted(self) -> None:
        now = self._options.clock()
        for host in list(self.hosts.values()):
            if host.left_at is not None and now - host.left_at > DETACHED_S and not host.is_busy:
                self.errand(self._pause(host))

    # --- letting them go ----------------------------------------------------------------

    def wants_end(self, host: SessionHost, reason: EndReason) -> None:
        if self._forget(host):
            self.errand(self._end(host, reason))

    def wants_line(self, host: SessionHost, failure: Failure) -> None:
        self.errand(self._change_line(host, failure))

    async def _change_line(self, host: SessionHost, failure: Failure) -> None:
        """Go on with what steps in for a credential that failed; end it when nothing does."""
        found = await self._find_line(host, failure)
        if isinstance(found, EndReason):
            self.wants_end(host, found)
        elif found is not None:
            host.wait_for_line(found.wait_s)
            await asyncio.sleep(found.wait_s)
            if self._has(host):
                case = host.case_on(found.line)
                host.go_on(case, partial(live_session, case))

    async def _find_line(self, host: SessionHost, failure: Failure) -> Change | EndReason | None:
        """Ask the database until it answers; None when the host is gone before."""
        while self._has(host):
            try:
                return await in_database(change_line, host.case, failure, timezone.now())
            except CredentialUnusable as error:
                log.warning("no credential steps in: %s", error.code)
                return reason_of(error)
            except DatabaseError as error:
                log.warning("credential not changed: %s", type(error).__name__)
                await asyncio.sleep(RENEW_S)
        return None

    def _has(self, host: SessionHost) -> bool:
        return self.hosts.get(host.case.conversation_id) is host

    async def _end(self, host: SessionHost, reason: EndReason) -> None:
        await host.leave_upstream()
        host.close_turns()
        await self._store.store_last(host)
        host.conclude(reason)
        await self._store.store_last(host)
        if host.is_fenced:
            await self._close(host, p.STREAM_MOVED)
            return
        host.say_farewell()
        await self._part(host, p.STREAM_ENDED)

    async def _pause(self, host: SessionHost) -> None:
        if self._forget(host):
            await host.leave_upstream()
            host.close_turns()
            host.pause()
            await self._store.store_last(host)
            await self._part(host, p.STREAM_MOVED)

    async def hand_on(self, host: SessionHost) -> None:
        """Let the conversation go, so that the next owner can begin at once."""
        if self._forget(host):
            await host.leave_upstream()
            host.close_turns()
            await self._store.store_last(host)
            await self._part(host, p.STREAM_MOVED)

    def _lost(self, host: SessionHost) -> None:
        host.is_fenced = True
        self.errand(self._fenced(host))

    async def _fenced(self, host: SessionHost) -> None:
        """Another worker has it: whatever this one still holds must not reach anybody."""
        host.is_fenced = True
        if self._forget(host):
            log.warning("lease lost, session closed")
            await host.leave_upstream()
            await self._close(host, p.STREAM_MOVED)

    def _forget(self, host: SessionHost) -> bool:
        """Take the host off the list; False if somebody did before."""
        if self.hosts.pop(host.case.conversation_id, None) is None:
            return False
        self._parting.add(host.case.conversation_id)
        return True

    async def _part(self, host: SessionHost, reason: str) -> None:
        conversation_id = host.case.conversation_id
        if host.case.is_recorded:  # its last rows can only be written while the lease is held
            within_s = LAST_SOUND_S if host.end_reason is None else LAST_WORDS_S
            await self._recorder.finished(within_s)
        try:
            letting_go = release if host.end_reason is None else retire
            await in_database(letting_go, conversation_id, self.name, host.epoch)
        except DatabaseError as error:
            log.warning("lease not released: %s", type(error).__name__)
        if host.end_reason is None and host.presence.owner is not None:
            # Its page would ask as well, once it knows: this saves it the way.
            await self._bus.publish(b.WORKERS, b.Wanted(str(conversation_id)))
        await self._close(host, reason)

    async def _close(self, host: SessionHost, reason: str) -> None:
        conversation_id = host.case.conversation_id
        host.close_viewers(reason)
        self._parting.discard(conversation_id)
        await self._bus.leave(b.conversation_group(conversation_id), self._look)

    def wants_write(self) -> None:
        self._store.wants_write()

    # --- errands ------------------------------------------------------------------------

    def errand(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the worker closes."""
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker errand failed", exc_info=error)


def reachable(address: str) -> str:
    """Who listens everywhere is found by the host's own name."""
    for everywhere in ("//0.0.0.0:", "//[::]:"):
        address = address.replace(everywhere, f"//{socket.gethostname()}:")
    return address


def enrol(worker: str, address: str, capacity: int) -> None:
    WorkerProcess.objects.enrol(worker, address, capacity)


def report(worker: str, *, drained: bool, has_room: bool | None, lag_ms: int) -> bool:
    return WorkerProcess.objects.report(worker, drained=drained, has_room=has_room, lag_ms=lag_ms)


def sign_off(worker: str) -> None:
    WorkerProcess.objects.filter(name=worker).delete()


def renew(worker: str) -> dict[uuid.UUID, tuple[int, str]]:
    with platform_scope("lease renewal"):
        return Lease.objects.renew(worker)


def release(conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
    with platform_scope("lease release"):
        Lease.objects.release(conversation_id, worker, epoch)


def retire(conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
    with platform_scope("lease of an ended conversation"):
        Lease.objects.retire(conversation_id, worker, epoch)
