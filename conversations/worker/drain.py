"""How a worker hands on what it has without anybody noticing.

Each conversation goes at a moment of rest: nobody speaks, no answer is owed, no tool runs. It
goes only when another worker has room for it, and at the pace at which its credential admits
connections; who is ready first goes first, a few at a time. At the deadline the rest go as they
are: what was said is stored, and what the user says meanwhile waits at the web process.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from math import inf
from typing import Any, Final, Protocol

from django.db import Error as DatabaseError
from django.utils import timezone

from accounts.database import in_database
from accounts.failover.pacing import take_place
from accounts.tenancy import platform_scope
from conversations.models import WorkerProcess
from conversations.worker.host import SessionHost

log = logging.getLogger(__name__)

# How often it looks for hosts that have come to rest.
LOOK_AGAIN_S: Final = 0.1
# How often it looks whether somebody else has room.
LOOK_FOR_OTHERS_S: Final = 0.5
# More at once would keep the database threads, and those of the next owner, from the others.
AT_ONCE: Final = 16


class Leaving(Protocol):
    """What a drain needs of its worker."""

    name: str

    @property
    def hosts(self) -> Mapping[uuid.UUID, SessionHost]: ...

    @property
    def is_draining(self) -> bool: ...

    async def hand_on(self, host: SessionHost) -> None: ...
    def errand(self, work: Coroutine[Any, Any, None]) -> None: ...


class Drain:
    """One drain of a worker, `patience_s` long at most; the clock counts seconds."""

    def __init__(
        self,
        worker: Leaving,
        patience_s: float,
        *,
        waits_for_others: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._clock = clock
        self._deadline = clock() + patience_s
        self._has_others = not waits_for_others
        self._looked_at = inf if self._has_others else -inf
        self._places: dict[uuid.UUID, float] = {}
        self._going: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Return when nothing is left here, or the drain was called off."""
        try:
            while self._worker.is_draining and (hosts := list(self._worker.hosts.values())):
                await self._look_for_others()
                for host in hosts:
                    if len(self._going) < AT_ONCE and self._may_go(host, self._clock()):
                        self._start(host)
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            await asyncio.gather(*self._going)

    def _may_go(self, host: SessionHost, now: float) -> bool:
        if now >= self._deadline:
            return True
        if host.presence.owner is None:
            return not host.is_busy  # nobody waits for its next owner
        return self._has_others and host.is_at_rest and self._has_place(host, now)

    def _start(self, host: SessionHost) -> None:
        task = asyncio.create_task(self._worker.hand_on(host), name="hand on")
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    # --- is there somebody who takes it? ------------------------------------------------------

    async def _look_for_others(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_FOR_OTHERS_S or now >= self._deadline:
            return
        self._looked_at = now
        try:
            self._has_others = await in_database(others_have_room, self._worker.name)
        except DatabaseError as error:
            # Nobody could claim it without the database either.
            self._has_others = False
            log.warning("other workers not looked up: %s", type(error).__name__)

    # --- may its credential connect? ----------------------------------------------------------

    def _has_place(self, host: SessionHost, now: float) -> bool:
        """Whether the next owner may connect now. A conversation takes one place in its row."""
        due = self._places.get(host.case.conversation_id)
        if due is None:
            self._places[host.case.conversation_id] = inf
            self._worker.errand(self._take_place(host))
        return due is not None and now >= due

    async def _take_place(self, host: SessionHost) -> None:
        wait_s = 0.0
        try:
            wait_s = await in_database(place_of, host.case.line.credential_id)
        except DatabaseError as error:
            log.warning("pace not looked up: %s", type(error).__name__)
        self._places[host.case.conversation_id] = self._clock() + wait_s


def others_have_room(worker: str) -> bool:
    """Whether another living worker takes conversations on."""
    return WorkerProcess.objects.living().exclude(name=worker).filter(has_room=True).exists()


def place_of(credential_id: uuid.UUID) -> float:
    """Take the credential's next place. Returns the seconds until it comes."""
    with platform_scope("a conversation is handed on"):
        return take_place(credential_id, timezone.now())
