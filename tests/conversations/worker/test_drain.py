"""A drain lets conversations go one by one, each at its moment, and all of them at the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conversations.worker import drain as module
from conversations.worker.drain import AT_ONCE, Drain
from conversations.worker.host import SessionHost


@dataclass(eq=False)
class Conversation:
    """What a drain sees of a host."""

    is_at_rest: bool = True
    is_busy: bool = False
    owner: object | None = "a page"
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def presence(self) -> SimpleNamespace:
        return SimpleNamespace(owner=self.owner)

    @property
    def case(self) -> SimpleNamespace:
        line = SimpleNamespace(credential_id=self.id)
        return SimpleNamespace(conversation_id=self.id, line=line)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Workshop:
    """A worker that notes who goes when, and holds up whoever goes."""

    name = "leaving"

    def __init__(self, *conversations: Conversation) -> None:
        self.hosts = cast("dict[uuid.UUID, SessionHost]", {c.id: c for c in conversations})
        self.is_draining = True
        self.gone: list[object] = []
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._going = 0
        self._errands: set[asyncio.Task[None]] = set()

    async def hand_on(self, host: SessionHost) -> None:
        if self.hosts.pop(host.case.conversation_id, None) is None:
            return
        self.gone.append(host)
        self._going += 1
        self.most_at_once = max(self.most_at_once, self._going)
        await self.gate.wait()
        self._going -= 1

    def errand(self, work: Coroutine[Any, Any, None]) -> None:
        self._errands.add(asyncio.create_task(work))


class World:
    """What the database says: whether others have room, and how long a place is away."""

    def __init__(self) -> None:
        self.has_room = True
        self.waits: dict[uuid.UUID, float] = {}
        self.asked: list[uuid.UUID] = []

    async def ask(self, fn: object, of: Any) -> Any:
        if fn is module.others_have_room:
            return self.has_room
        self.asked.append(of)
        return self.waits.get(of, 0.0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(module, "in_database", world.ask)
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.001)
    monkeypatch.setattr(module, "LOOK_FOR_OTHERS_S", 0.0)
    return world


def drain_of(shop: Workshop, clock: Clock) -> Drain:
    return Drain(shop, 30.0, waits_for_others=True, clock=clock)


async def rounds(count: int = 20) -> None:
    """Let the drain look around a few times."""
    for _ in range(count):
        await asyncio.sleep(0.001)


async def test_who_rests_goes_and_who_is_busy_waits_for_its_moment(world: World) -> None:
    resting, busy = Conversation(), Conversation(is_at_rest=False, is_busy=True)
    shop = Workshop(busy, resting)
    draining = asyncio.create_task(drain_of(shop, Clock()).run())
    await rounds()
    assert shop.gone == [resting]
    busy.is_at_rest = True
    await asyncio.wait_for(draining, 10)
    assert shop.gone == [resting, busy]
    assert world.asked == [resting.id, busy.id], "each took one place in the row"


async def test_nobody_goes_before_somebody_takes_them_but_at_the_deadline(world: World) -> None:
    world.has_room = False
    attended, left = Conversation(), Conversation(is_at_rest=False, owner=None)
    shop, clock = Workshop(attended, left), Clock()
    draining = asyncio.create_task(drain_of(shop, clock).run())
    await rounds()
    assert shop.gone == [left], "nobody waits for this one's next owner"
    clock.now = 30.0
    await asyncio.wait_for(draining, 10)
    assert shop.gone == [left, attended]


async def test_each_goes_when_its_credential_may_connect(world: World) -> None:
    first, second = Conversation(), Conversation()
    world.waits = {first.id: 5.0}
    shop, clock = Workshop(first, second), Clock()
    draining = asyncio.create_task(drain_of(shop, clock).run())
    await rounds()
    assert shop.gone == [second]
    clock.now = 5.0
    await asyncio.wait_for(draining, 10)
    assert shop.gone == [second, first]


@pytest.mark.parametrize("is_overdue", [False, True])
async def test_many_go_a_few_at_a_time(world: World, is_overdue: bool) -> None:
    many = [Conversation(is_at_rest=not is_overdue) for _ in range(AT_ONCE * 3)]
    shop, clock = Workshop(*many), Clock()
    drain = drain_of(shop, clock)
    clock.now = 31.0 if is_overdue else 0.0
    shop.gate.clear()
    draining = asyncio.create_task(drain.run())
    await rounds()
    assert len(shop.gone) == AT_ONCE
    shop.gate.set()
    await asyncio.wait_for(draining, 10)
    assert len(shop.gone) == len(many)
    assert shop.most_at_once == AT_ONCE


async def test_it_ends_when_it_is_called_off(world: World) -> None:
    shop = Workshop(Conversation(is_at_rest=False))
    draining = asyncio.create_task(drain_of(shop, Clock()).run())
    await rounds()
    shop.is_draining = False
    await asyncio.wait_for(draining, 10)
    assert shop.gone == []
