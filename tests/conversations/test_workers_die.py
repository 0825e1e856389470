"""Workers are killed at random moments under running conversations: `make chaos`.

The schedule comes from a seed (`CHAOS_SEED`), which a failure names.
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid

import pytest

from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Turn
from conversations.states import ConversationState, Speaker
from tests.children import Child, Children
from tests.conversations.client import Client, dial
from tests.conversations.conftest import Stage
from tests.conversations.page import Page

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

TALKERS = 10
KILLS = 8
LIFE_S = (2.0, 8.0)  # how long a worker lives


class Talker:
    """One page that asks again and again, and keeps what it was told is saved."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.page = Page()
        self.asked = 0

    async def talk(self, url: str, stage: Stage, over: asyncio.Event) -> None:
        async with dial(url, page=self.page) as client:
            await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
            await self.page.until(self.is_live)
            while not over.is_set():
                await self.ask(client)
            await self.page.until(self.is_live)
            await self.ask(client)
            await self.page.until(self.page.all_saved)

    async def ask(self, client: Client) -> None:
        """Ask, and wait for this very answer, whoever gives it."""
        self.asked += 1
        word = f"number {self.number} {self.asked}"
        await client.say(p.SendText(id=f"r{self.asked}", text=f"Say {word}"))
        await self.page.until(lambda: self.heard(word))

    def heard(self, word: str) -> bool:
        return any(word in text.lower() for text in self.page.said(Speaker.AGENT))

    def is_live(self) -> bool:
        return self.page.picture.state == ConversationState.LIVE

    def saved(self) -> dict[str, str]:
        return {turn.turn: turn.text for turn in self.page.picture.turns if turn.saved}

    @property
    def conversation(self) -> uuid.UUID:
        hello = next(m for m in self.page.messages if isinstance(m, p.Hello))
        return uuid.UUID(hello.conversation)


async def test_no_talk_stops_and_nothing_saved_is_lost(stage: Stage, spawn: Children) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
    dice = random.Random(seed)
    workers = [await hire(spawn), await hire(spawn)]
    web = await asyncio.to_thread(spawn, "web", "--port", "0", ready="Serving on")
    url = web.wait_for(r"Serving on (http://\S+)").group(1)
    talkers = [Talker(number) for number in range(TALKERS)]
    over = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            for talker in talkers:
                group.create_task(talker.talk(url, stage, over))
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(*LIFE_S))
                workers.pop(dice.randrange(len(workers))).kill()
                workers.append(await hire(spawn))
            over.set()
    except ExceptionGroup:
        print(f"CHAOS_SEED={seed}")  # noqa: T201 - a failure has to name its schedule
        raise
    for talker in talkers:
        stored = await in_database(turns_of, talker.conversation)
        assert talker.saved().items() <= stored.items(), f"CHAOS_SEED={seed}"
    assert all(talker.page.epoch >= 1 for talker in talkers)
    assert max(talker.page.epoch for talker in talkers) > 1


async def hire(spawn: Children) -> Child:
    return await asyncio.to_thread(spawn, "worker", ready="serves at")


def turns_of(conversation: uuid.UUID) -> dict[str, str]:
    with platform_scope("test reads turns"):
        return {turn.key: turn.text for turn in Turn.objects.filter(conversation=conversation)}
