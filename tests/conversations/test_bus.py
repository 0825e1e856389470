"""The bus on both layers, and on one that loses, repeats and delays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer

from conversations import bus as module
from conversations.bus import WORKERS, Bus, Message, Opened, Stopped, Wanted, conversation_group


class BadLayer(InMemoryChannelLayer):
    """Loses, repeats and delays group messages, by a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._late: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        fate = self._random.choice(["lose", "once", "twice", "later"])
        if fate == "later":
            self._late.append((group, message))
        for _ in range({"lose": 0, "once": 1, "twice": 2, "later": 0}[fate]):
            await super().group_send(group, message)
        if self._late and self._random.random() < 0.5:
            await super().group_send(*self._late.pop(0))


class DownLayer(InMemoryChannelLayer):
    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        raise ConnectionRefusedError


class HungLayer(InMemoryChannelLayer):
    """Answers nobody until it is `back`."""

    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self.back.wait()
        await super().group_send(group, message)

    async def group_add(self, group: str, channel: str) -> None:
        await self.back.wait()
        await super().group_add(group, channel)


class Ear:
    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.changed = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.heard.append(message)
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(params=["memory", "redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Bus, Bus]]:
    memory = InMemoryChannelLayer()
    layer: BaseChannelLayer | None = memory if request.param == "memory" else get_channel_layer()
    buses = Bus(layer), Bus(layer)
    for bus in buses:
        await bus.start()
    yield buses
    for bus in buses:
        await bus.aclose()
    if request.param == "redis" and layer is not None:
        await layer.flush()


async def test_a_group_hears_its_messages_in_order_and_no_others(pair: tuple[Bus, Bus]) -> None:
    here, there = pair
    workers, conversation = Ear(), Ear()
    await there.join(WORKERS, workers)
    await there.join(conversation_group("c1"), conversation)
    await here.publish(WORKERS, Wanted("c1"))
    await here.publish(conversation_group("c2"), Stopped("c2"))
    await here.publish(conversation_group("c1"), Opened("c1", "tcp://127.0.0.1:1", 3))
    await here.publish(conversation_group("c1"), Stopped("c1"))
    await conversation.until(2)
    await workers.until(1)
    assert conversation.heard == [Opened("c1", "tcp://127.0.0.1:1", 3), Stopped("c1")]
    assert workers.heard == [Wanted("c1")]


async def test_who_left_hears_nothing_more(pair: tuple[Bus, Bus]) -> None:
    here, there = pair
    left, stayed = Ear(), Ear()
    await there.join(WORKERS, left)
    await there.join(WORKERS, stayed)
    await there.leave(WORKERS, left)
    await here.publish(WORKERS, Wanted("c1"))
    await stayed.until(1)
    assert left.heard == []


async def test_a_handler_that_fails_does_not_make_the_process_deaf() -> None:
    bus, ear = Bus(InMemoryChannelLayer()), Ear()

    def fail(message: Message) -> None:
        raise ValueError("boom")

    await bus.start()
    await bus.join(WORKERS, fail)
    await bus.join(WORKERS, ear)
    await bus.publish(WORKERS, Wanted("c1"))
    await ear.until(1)
    await bus.aclose()
    assert ear.heard == [Wanted("c1")]


async def test_nonsense_on_the_layer_is_passed_over() -> None:
    layer = InMemoryChannelLayer()
    bus, ear = Bus(layer), Ear()
    await bus.start()
    await bus.join(WORKERS, ear)
    await layer.group_send(WORKERS, {"type": "x", "group": WORKERS, "body": "{}"})
    await layer.group_send(WORKERS, {"type": "x"})
    await bus.publish(WORKERS, Wanted("c1"))
    await ear.until(1)
    await bus.aclose()
    assert ear.heard == [Wanted("c1")]


async def test_a_layer_that_is_down_stops_nobody() -> None:
    bus = Bus(DownLayer())
    await bus.start()
    assert not await bus.publish(WORKERS, Wanted("c1"))
    await bus.aclose()


async def test_who_joins_while_the_layer_hangs_hears_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.01)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    layer = HungLayer()
    bus, ear, left = Bus(layer), Ear(), Ear()
    await bus.start()
    await bus.join(WORKERS, ear)
    await bus.join(conversation_group("c1"), left)
    await bus.leave(conversation_group("c1"), left)
    assert not await bus.publish(WORKERS, Wanted("c1"))
    layer.back.set()
    async with asyncio.timeout(10):
        while not ear.heard:
            assert await bus.publish(WORKERS, Wanted("c2"))
            await asyncio.sleep(0.005)
    await bus.aclose()
    assert ear.heard[0] == Wanted("c2")
    assert left.heard == []


@pytest.mark.parametrize("seed", range(5))
async def test_who_asks_until_answered_is_answered_on_a_bad_layer(seed: int) -> None:
    """Asker and worker, each idempotent: loss, repetition and delay only cost time."""
    bus = Bus(BadLayer(seed))
    answered = asyncio.Event()
    claims: set[str] = set()
    answers: set[asyncio.Task[bool]] = set()

    def claim(message: Message) -> None:
        assert isinstance(message, Wanted)
        claims.add(message.conversation)
        opened = Opened(message.conversation, "memory:1", 1)
        answers.add(asyncio.ensure_future(bus.publish(conversation_group("c1"), opened)))

    await bus.start()
    await bus.join(WORKERS, claim)
    await bus.join(conversation_group("c1"), lambda _: answered.set())
    for _ in range(200):
        await bus.publish(WORKERS, Wanted("c1"))
        if answered.is_set():
            break
    async with asyncio.timeout(5):
        await answered.wait()
    await asyncio.gather(*answers)
    await bus.aclose()
    assert claims == {"c1"}
