"""One run: people talk, faults strike, everything heals, and the three sides are compared."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import redis

from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, Lease, Turn
from conversations.states import ConversationState, Speaker, TurnState
from tests.chaos.checker import violations
from tests.chaos.fleet import Fleet
from tests.chaos.pages import Caller, Entrance
from tests.chaos.records import Record, StoredTurn
from tests.chaos.schedule import Act
from tests.children import child_environment

PATIENCE_S: Final = 90.0


@dataclass
class Scene:
    """See `faults.Scene`."""

    fleet: Fleet
    callers: Sequence[Caller]
    dice: random.Random
    owner_url: str


class Run:
    """`talkers` conversations over one fleet. `name` is part of every tag."""

    def __init__(self, fleet: Fleet, entrance: Entrance, seed: int, *, talkers: int) -> None:
        dice = random.Random(seed)
        self.fleet = fleet
        self.callers = [
            Caller(f"s{seed}c{number:02d}", entrance, random.Random(f"{seed}.{number}"))
            for number in range(talkers)
        ]
        self.scene = Scene(fleet, self.callers, dice, owner_url())

    async def play(self, acts: Sequence[Act]) -> list[str]:
        """Returns what was violated."""
        over = asyncio.Event()
        talks = [asyncio.create_task(caller.talk(over)) for caller in self.callers]
        try:
            await self._all_begun(talks)
            await self._strike(acts)
            self.fleet.heal()
            over.set()
            outcomes = await asyncio.gather(*talks, return_exceptions=True)
        finally:
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
        wrong = [repr(outcome) for outcome in outcomes if outcome is not None]
        for caller in self.callers:
            wrong += violations(await record_of(caller, self.fleet))
        return wrong + await self._farewell()

    async def _all_begun(self, talks: Sequence[asyncio.Task[None]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not all(caller.asked for caller in self.callers):
                if any(talk.done() for talk in talks):
                    return
                await asyncio.sleep(0.1)

    async def _strike(self, acts: Sequence[Act]) -> None:
        beside: list[asyncio.Task[None]] = []
        for act in acts:
            await asyncio.sleep(act.pause_s)
            striking = asyncio.ensure_future(act.fault.strike(self.scene, act.lasts_s))
            beside.append(striking)
            if not act.beside:
                await asyncio.gather(*beside)
                beside.clear()
        await asyncio.gather(*beside)

    async def _farewell(self) -> list[str]:
        """End all; nothing of them may be left anywhere."""
        wrong = []
        for outcome in await asyncio.gather(
            *(caller.end() for caller in self.callers), return_exceptions=True
        ):
            wrong += [] if outcome is None else [f"did not end: {outcome!r}"]
        ids = [caller.conversation for caller in self.callers if caller.conversation]
        return wrong + await nothing_left(self.fleet, ids)


async def nothing_left(fleet: Fleet, ids: Sequence[uuid.UUID]) -> list[str]:
    """Wait until nothing of these conversations is left anywhere; return what stays."""
    left = ["nobody looked"]
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while left := await all_left_over(fleet, ids):  # noqa: ASYNC110 - it asks a database
                await asyncio.sleep(0.2)
    return left


async def all_left_over(fleet: Fleet, ids: Sequence[uuid.UUID]) -> list[str]:
    left = await in_database(left_over, ids)
    if fleet.simulator.open:
        left.append(f"{len(fleet.simulator.open)} sessions with the model are open")
    return left + await asyncio.to_thread(channels_left, fleet, ids)


def channels_left(fleet: Fleet, ids: Sequence[uuid.UUID]) -> list[str]:
    """Groups of the conversations that some process is still in."""
    with redis.Redis(port=fleet.redis_port) as client:
        names = [name.decode() for name in client.pubsub_channels()]
    wanted = {str(each) for each in ids}
    left = [name for name in names if any(each in name for each in wanted)] if wanted else []
    return [f"{len(left)} channel-layer groups are left"] if left else []


async def record_of(caller: Caller, fleet: Fleet) -> Record:
    """What each side knows of a caller's conversation."""
    mine = fleet.simulator.hand_over(caller.name)
    return Record(
        name=caller.name,
        asked=caller.asked,
        shown=caller.page.shown,
        stored=await in_database(stored_turns, caller.conversation),
        received=[note.text for note in mine if not note.told],
        told=[note.text for note in mine if note.told],
        last=caller.page.picture,
        again=caller.again,
    )


def stored_turns(conversation: uuid.UUID | None) -> list[StoredTurn]:
    with platform_scope("test reads turns"):
        return [
            StoredTurn(turn.key, Speaker(turn.speaker), TurnState(turn.state), turn.text, turn.ref)
            for turn in Turn.objects.filter(conversation=conversation)
        ]


def left_over(ids: Sequence[uuid.UUID]) -> list[str]:
    with platform_scope("test looks for what is left"):
        leases = Lease.objects.filter(conversation__in=ids).count()
        running = Conversation.objects.filter(id__in=ids).exclude(state=ConversationState.ENDED)
        count = running.count()
    left = [f"{leases} leases are left"] if leases else []
    return [*left, f"{count} conversations have not ended"] if count else left


def owner_url() -> str:
    """The test database as its owner."""
    environment = child_environment({})
    return environment["MIGRATE_DATABASE_URL"] or environment["DATABASE_URL"]


def entrance_to(fleet: Fleet, agent: Agent, key: str) -> Entrance:
    return Entrance(fleet.door, str(agent.id), key)
