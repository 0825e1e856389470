"""Where a conversation is, and what is done until it is somewhere.

A socket that owns a conversation asks the workers for a host, again and again, and stands in
line while all of them are full. One that only looks on wakes nobody: it is shown what is
stored, and waits until the owner is back.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import transaction

from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations.bus import Bus
from conversations.models import Conversation, Lease
from conversations.room import all_full
from conversations.states import ConversationState, EndReason
from conversations.streams import Way
from conversations.transcripts.picture import load_picture
from conversations.webhooks.telling import end_and_tell

log = logging.getLogger(__name__)

T = TypeVar("T")

# How often the workers are asked again while nobody hosts the conversation.
ASK_AGAIN_S = 0.5
# So often they are asked by message alone; after that the line tells them, where they look too.
ASKS_BY_MESSAGE = 3
# While it stands in line: workers that get room look there themselves, each second.
STAND_AGAIN_S = 2.0


class NoRoom(Exception):
    """Every worker is full, and who asks does not want to stand in line."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How a socket comes to a conversation.

    `page`: whose socket it is; a newer one replaces an older one of the same page.
    `waits`: it stands in line while every worker is full.
    """

    mode: Way = "take"
    page: str = field(default_factory=lambda: uuid.uuid4().hex)
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a conversation is: hosted at `address`, or ended (`snapshot`)."""

    address: str = ""
    snapshot: p.Snapshot | None = None


class Search:
    """One socket's search for the host of its conversation."""

    def __init__(self, conversation_id: uuid.UUID, bus: Bus, *, waits: bool) -> None:
        self.found: Whereabouts | None = None
        self._conversation_id = conversation_id
        self._bus = bus
        self._waits = waits
        self._news = asyncio.Event()
        self._is_given_up = False

    def look_sooner(self) -> None:
        self._news.set()

    def give_up(self) -> None:
        """The user ends the conversation before anybody hosts it."""
        self._is_given_up = True
        self._news.set()

    async def look(self) -> Whereabouts | None:
        """Look once; what was found stays in `found`."""
        self._news.clear()
        try:
            self.found = await in_database(whereabouts, self._conversation_id)
        except DatabaseError as error:
            log.warning("host not looked up: %s", type(error).__name__)
            self.found = None
        return self.found

    async def ask(self) -> AsyncIterator[p.Waiting]:
        """Ask the workers until one hosts the conversation, which is then in `found`. Yields the
        place in the line, whenever that changes. Raises NoRoom."""
        place: int | None = None
        for asked in count(1):
            told = await self._bus.publish(b.WORKERS, b.Wanted(str(self._conversation_id)))
            await self._news_within(ASK_AGAIN_S if place is None else STAND_AGAIN_S)
            if self._is_given_up:
                await self._try(end_unhosted, "conversation not ended")
            if await self.look() is not None:
                return
            stand = stand_in_line if told and asked < ASKS_BY_MESSAGE else stand_unheard
            before, place = place, await self._try(stand, "no place in the line")
            if place is not None and not self._waits:
                raise NoRoom
            if place is not None and place != before:
                yield p.Waiting(reason="capacity-full", place=place)
            elif place is None and before is not None:
                yield p.Waiting(reason="finding-worker")

    async def look_on(self) -> AsyncIterator[p.Snapshot | p.Waiting]:
        """Yield what is stored, and wait until somebody else has brought it to life."""
        stored = await self._try(stored_snapshot, "conversation not read")
        if stored is not None:
            yield stored
        yield p.Waiting(reason="nobody-there")
        while await self.look() is None:
            await self._news_within(STAND_AGAIN_S)

    async def _news_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _try(self, work: Callable[[uuid.UUID], T], otherwise: str) -> T | None:
        try:
            return await in_database(work, self._conversation_id)
        except DatabaseError as error:
            log.warning("%s: %s", otherwise, type(error).__name__)
            return None


def whereabouts(conversation_id: uuid.UUID) -> Whereabouts | None:
    with platform_scope("attachment looks for the host"):
        conversation = Conversation.objects.get(id=conversation_id)
        if conversation.state == ConversationState.ENDED:
            return Whereabouts(snapshot=snapshot_of(conversation))
        held = Lease.objects.holder(conversation_id)
        return Whereabouts(address=held[0]) if held else None


def stored_snapshot(conversation_id: uuid.UUID) -> p.Snapshot:
    with platform_scope("observer reads a conversation that rests"):
        return snapshot_of(Conversation.objects.get(id=conversation_id))


def snapshot_of(conversation: Conversation) -> p.Snapshot:
    return p.Snapshot(
        epoch=conversation.last_epoch,
        seq=conversation.last_seq,
        state=load_picture(conversation),
    )


def stand_in_line(conversation_id: uuid.UUID) -> int | None:
    """Say that the conversation waits for room. Returns its place, from 1; None while there is
    room, or no worker at all."""
    with platform_scope("conversation waits for a worker"):
        return Lease.objects.stand_in_line(conversation_id) if all_full() else None


def stand_unheard(conversation_id: uuid.UUID) -> int | None:
    """As `stand_in_line`, and wait there also when there is room: messages do not arrive."""
    with platform_scope("conversation waits for a worker"):
        place = Lease.objects.stand_in_line(conversation_id)
        return place if all_full() else None


def end_unhosted(conversation_id: uuid.UUID) -> None:
    """Its user leaves while nobody hosts it. Does nothing if a worker was faster."""
    with platform_scope("waiting conversation is left"), transaction.atomic():
        if Lease.objects.drop_unhosted(conversation_id):
            end_and_tell(Conversation.objects.get(id=conversation_id), EndReason.USER_LEFT)
