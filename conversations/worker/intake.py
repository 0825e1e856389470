"""Who takes what: a worker hears of conversations that want a host and claims those it has
room for. Others may try the same one; the lease decides.

Who stands in line comes before who has just come: the line is in the database, so neither a
lost message nor a lucky moment lets anybody past.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from django.db import Error as DatabaseError
from django.db import transaction

from accounts.credentials import CredentialsResting, CredentialUnusable
from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations.models import Conversation, Lease
from conversations.states import EndReason
from conversations.webhooks.telling import end_and_tell
from conversations.worker.host import SessionHost
from conversations.worker.lag import LOOK_S, LagGauge
from conversations.worker.loading import Case, claim

log = logging.getLogger(__name__)

# The busier a worker, the later it answers, so that conversations go where there is room.
CLAIM_PAUSE_S = 0.2


class Workplace(Protocol):
    """What the intake needs of its worker."""

    name: str
    address: str

    @property
    def hosts(self) -> Mapping[uuid.UUID, SessionHost]: ...

    async def open_host(self, case: Case) -> None: ...
    async def announce(self, host: SessionHost) -> None: ...
    def errand(self, work: Coroutine[Any, Any, None]) -> None: ...


class Intake:
    """`claiming` are the conversations that this worker is about to have."""

    def __init__(
        self,
        workplace: Workplace,
        capacity: int,
        lag: LagGauge,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.claiming: set[uuid.UUID] = set()
        self.lag = lag
        self._workplace = workplace
        self._capacity = capacity
        self._clock = clock
        self._considered: set[uuid.UUID] = set()
        self._is_looking = False

    @property
    def room(self) -> int:
        """How many conversations it would take on now. A loop that is late takes none, unless
        it has none: then its lateness is not theirs, and nobody would be served."""
        taken = len(self._workplace.hosts) + len(self.claiming)
        if self.lag.is_late and taken:
            return 0
        return max(0, self._capacity - taken)

    @property
    def load(self) -> float:
        """From 0, idle, to 1, full or too late."""
        return min(1.0, max(len(self._workplace.hosts) / self._capacity, self.lag.share))

    def hear(self, wanted: b.Wanted) -> None:
        """A conversation wants a host: say that it has one, or try to become it."""
        place = self._workplace
        conversation_id = uuid.UUID(wanted.conversation)
        if conversation_id in place.hosts:
            place.errand(place.announce(place.hosts[conversation_id]))
        elif conversation_id not in self.claiming | self._considered and self.room:
            self._considered.add(conversation_id)
            place.errand(self._consider(conversation_id))

    async def look(self) -> None:
        """Take those that have stood in line for longest, as many as there is room for."""
        if self._is_looking or not self.room:
            return
        self._is_looking = True
        try:
            await self._take_first(None)
        finally:
            self._is_looking = False

    async def watch_lag(self) -> None:
        """Measure for ever how late the loop wakes."""
        while True:
            due = self._clock() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.lag.woke(due, self._clock())

    async def _consider(self, conversation_id: uuid.UUID) -> None:
        try:
            await asyncio.sleep(CLAIM_PAUSE_S * self.load * random.uniform(0.8, 1.2))  # noqa: S311
            await self._take_first(conversation_id)
        finally:
            self._considered.discard(conversation_id)

    async def _take_first(self, newcomer: uuid.UUID | None) -> None:
        """Take on who is in line, and then the newcomer, as far as there is room."""
        try:
            line = await in_database(first_in_line, newcomer, self.room)
        except DatabaseError as error:
            log.warning("line not looked up: %s", type(error).__name__)
            return
        for conversation_id in line:
            known = conversation_id in self._workplace.hosts or conversation_id in self.claiming
            if self.room and not known:
                await self._claim(conversation_id)

    async def _claim(self, conversation_id: uuid.UUID) -> None:
        place = self._workplace
        self.claiming.add(conversation_id)
        try:
            case = await in_database(claim, conversation_id, place.name, place.address)
            if case is not None:
                await place.open_host(case)
        except CredentialUnusable as error:
            log.warning("conversation cannot start: %s", error.code)
            await in_database(give_up, conversation_id, place.name, reason_of(error))
        except DatabaseError as error:
            log.warning("claim failed: %s", type(error).__name__)
        finally:
            self.claiming.discard(conversation_id)


def first_in_line(newcomer: uuid.UUID | None, room: int) -> list[uuid.UUID]:
    """Whose turn it is: those in line, then the newcomer, `room` of them at most."""
    with platform_scope("worker looks who waits"):
        line = list(Lease.objects.in_line().values_list("conversation_id", flat=True)[:room])
    if newcomer is not None and newcomer not in line:
        line.append(newcomer)
    return line[:room]


def reason_of(error: CredentialUnusable) -> EndReason:
    """Why a conversation ends that no credential is left for."""
    if isinstance(error, CredentialsResting):
        return EndReason.CAPACITY_FULL  # it can be held again in a while
    return EndReason.CREDENTIAL_PROBLEM


def give_up(conversation_id: uuid.UUID, worker: str, reason: EndReason) -> None:
    """The conversation's tenant has no working credential: end it, with that reason."""
    with platform_scope("conversation without a credential"), transaction.atomic():
        end_and_tell(Conversation.objects.get(id=conversation_id), reason)
        Lease.objects.filter(conversation_id=conversation_id, worker=worker).delete()
