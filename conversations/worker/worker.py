"""The worker: claims conversations, keeps their leases, stores their turns, hands them on."""

from __future__ import annotations

import asyncio
import logging
import os
import random
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

from accounts.credentials import CredentialsResting, CredentialUnusable
from accounts.database import in_database
from accounts.failover.failures import Failure
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations.bus import Bus
from conversations.link import LinkStream, Listener, listen, listen_memory
from conversations.models import Conversation, Lease, WorkerProcess
from conversations.states import EndReason
from conversations.worker.host import SessionHost
from conversations.worker.limits import LimitsWatch
from conversations.worker.loading import Case, Change, change_line, claim, live_session
from conversations.worker.store import Store

log = logging.getLogger(__name__)

RENEW_S = 1.0
# A conversation that nobody looks at keeps its host for this long, then it is paused.
DETACHED_S = 60.0
# The busier a worker, the later it answers, so that conversations go where there is room.
CLAIM_PAUSE_S = 0.2
# How often a drain looks for a host that has become idle.
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker runs. `listen_at` is (host, port), or None to serve its own process only."""

    listen_at: tuple[str, int] | None
    link_secret: bytes
    capacity: int = 500
    tls: SSLContext | None = None
    drain_s: float = 20.0
    clock: Callable[[], float] = time.monotonic


class Worker:
    def __init__(self, bus: Bus, options: WorkerOptions) -> None:
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.hosts: dict[uuid.UUID, SessionHost] = {}
        self.address = ""
        self._bus = bus
        self._options = options
        self._listener: Listener | None = None
        self._claiming: set[uuid.UUID] = set()
        self._parting: set[uuid.UUID] = set()
        self._draining = False
        self._leaving = False
        self._store = Store(self._lost)
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
        self.address = reachable(self._listener.address)
        self._loops = [
            asyncio.create_task(self._renew_forever(), name="lease renewal"),
            asyncio.create_task(self._store.run(self.hosts.values), name="transcript writer"),
            asyncio.create_task(self.limits.look_up_forever(), name="limits looked up"),
            asyncio.create_task(self.limits.judge_forever(), name="limits judged"),
        ]
        await in_database(enrol, self.name, self.address, self._options.capacity)
        await self._bus.join(b.WORKERS, self._hear)
        log.info("worker %s is ready at %s", self.name, self.address)

    async def drain(self) -> None:
        """Take nothing new; hand each conversation on at its next pause, or at the deadline."""
        self._draining = True
        deadline = time.monotonic() + self._options.drain_s
        while self._draining and (hosts := list(self.hosts.values())):
            overdue = time.monotonic() > deadline
            ready = [host for host in hosts if overdue or not host.is_busy]
            await asyncio.gather(*(self._hand_on(host) for host in ready))
            await asyncio.sleep(LOOK_AGAIN_S)

    async def aclose(self) -> None:
        """Drain and stop."""
        self._leaving = True
        await self._bus.leave(b.WORKERS, self._hear)
        await self.drain()
        for task in [*self._loops, *self._errands]:
            task.cancel()
        await asyncio.gather(*self._loops, *self._errands, return_exceptions=True)
        if self._listener is not None:
            await self._listener.aclose()
        try:
            await in_database(sign_off, self.name)
        except DatabaseError as error:
            log.warning("worker not signed off: %s", type(error).__name__)

    async def _report(self) -> None:
        """Say that this worker lives, and hear whether it is wanted to drain."""
        wanted = await in_database(report, self.name, self._draining and not self.hosts)
        if wanted and not self._draining:
            log.info("worker drains: an operator asked for it")
            self._draining = True
            self._errand(self.drain())
        elif not wanted and self._draining and not self._leaving:
            log.info("worker takes conversations on again")
            self._draining = False

    # --- taking conversations ---------------------------------------------------------

    def _hear(self, message: b.Message) -> None:
        if isinstance(message, b.Asked) and message.worker == self.name:
            self._errand(self._report())
        if not isinstance(message, b.Wanted) or self._draining:
            return
        conversation_id = uuid.UUID(message.conversation)
        if conversation_id in self.hosts:
            self._errand(self._announce(self.hosts[conversation_id]))
        elif conversation_id not in self._claiming and len(self.hosts) < self._options.capacity:
            self._claiming.add(conversation_id)
            self._errand(self._claim(conversation_id))

    async def _claim(self, conversation_id: uuid.UUID) -> None:
        try:
            load = len(self.hosts) / self._options.capacity
            await asyncio.sleep(CLAIM_PAUSE_S * load * random.uniform(0.8, 1.2))  # noqa: S311
            case = await in_database(claim, conversation_id, self.name, self.address)
            if case is not None:
                await self._open(case)
        except CredentialUnusable as error:
            log.warning("conversation cannot start: %s", error.code)
            await in_database(give_up, conversation_id, self.name, reason_of(error))
        except DatabaseError as error:
            log.warning("claim failed: %s", type(error).__name__)
        finally:
            self._claiming.discard(conversation_id)

    async def _open(self, case: Case) -> None:
        host = SessionHost(case, partial(live_session, case), self, clock=self._options.clock)
        self.hosts[case.conversation_id] = host
        host.start()
        await self._bus.join(b.conversation_group(case.conversation_id), self._look)
        await self._announce(host)

    async def _announce(self, host: SessionHost) -> None:
        conversation_id = host.case.conversation_id
        opened = b.Opened(str(conversation_id), self.address, host.epoch)
        await self._bus.publish(b.conversation_group(conversation_id), opened)

    def _look(self, message: b.Message) -> None:
        if isinstance(message, b.Stopped):
            self._errand(self._renew())

    def _accept(self, stream: LinkStream) -> None:
        try:
            attach = p.attach_decoder.decode(stream.info)
            host = self.hosts[uuid.UUID(attach.conversation)]
        except (msgspec.MsgspecError, ValueError, KeyError):
            stream.close(p.STREAM_NOT_HERE)
            return
        host.view(stream, epoch=attach.epoch, seq=attach.seq)

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

    async def _renew(self) -> None:
        asked = list(self.hosts.values())
        if not asked:
            return
        held = await in_database(renew, self.name)
        for host in asked:
            epoch, stop_reason = held.get(host.case.conversation_id, (0, ""))
            if epoch != host.epoch:
                self._errand(self._fenced(host))
            elif stop_reason:
                self.wants_end(host, EndReason(stop_reason))
        for conversation_id in held.keys() - self.hosts.keys() - self._claiming - self._parting:
            # Won, but never opened (the database failed in between): let others have it.
            await in_database(release, conversation_id, self.name, held[conversation_id][0])

    def _pause_the_deserted(self) -> None:
        now = self._options.clock()
        for host in list(self.hosts.values()):
            if host.left_at is not None and now - host.left_at > DETACHED_S and not host.is_busy:
                self._errand(self._pause(host))

    # --- letting them go ----------------------------------------------------------------

    def wants_end(self, host: SessionHost, reason: EndReason) -> None:
        if self._forget(host):
            self._errand(self._end(host, reason))

    def wants_line(self, host: SessionHost, failure: Failure) -> None:
        self._errand(self._change_line(host, failure))

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
        host.say_farewell()
        await self._part(host, p.STREAM_ENDED)

    async def _pause(self, host: SessionHost) -> None:
        if self._forget(host):
            await host.leave_upstream()
            host.close_turns()
            host.pause()
            await self._store.store_last(host)
            await self._part(host, p.STREAM_MOVED)

    async def _hand_on(self, host: SessionHost) -> None:
        if self._forget(host):
            await host.leave_upstream()
            host.close_turns()
            await self._store.store_last(host)
            await self._part(host, p.STREAM_MOVED)

    def _lost(self, host: SessionHost) -> None:
        self._errand(self._fenced(host))

    async def _fenced(self, host: SessionHost) -> None:
        """Another worker has it: whatever this one still holds must not reach anybody."""
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
        try:
            letting_go = release if host.end_reason is None else retire
            await in_database(letting_go, conversation_id, self.name, host.epoch)
        except DatabaseError as error:
            log.warning("lease not released: %s", type(error).__name__)
        await self._close(host, reason)

    async def _close(self, host: SessionHost, reason: str) -> None:
        conversation_id = host.case.conversation_id
        host.close_viewers(reason)
        self._parting.discard(conversation_id)
        await self._bus.leave(b.conversation_group(conversation_id), self._look)

    def wants_write(self) -> None:
        self._store.wants_write()

    # --- errands ------------------------------------------------------------------------

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
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


def report(worker: str, drained: bool) -> bool:
    return WorkerProcess.objects.report(worker, drained=drained)


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


def reason_of(error: CredentialUnusable) -> EndReason:
    """Why a conversation ends that no credential is left for."""
    if isinstance(error, CredentialsResting):
        return EndReason.CAPACITY_FULL  # it can be held again in a while
    return EndReason.CREDENTIAL_PROBLEM


def give_up(conversation_id: uuid.UUID, worker: str, reason: EndReason) -> None:
    """The conversation's tenant has no working credential: end it, with that reason."""
    with platform_scope("conversation without a credential"):
        Conversation.objects.get(id=conversation_id).end(reason)
        Lease.objects.filter(conversation_id=conversation_id, worker=worker).delete()
