"""Web and worker processes are replaced under running conversations, and nobody notices."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from accounts.database import in_database
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.models import Conversation, Lease, Turn
from conversations.states import Speaker
from tests.children import Child, Children
from tests.conversations.roaming import Addresses, Roamer

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = pytest.mark.timeout(600)

SOON = 60.0


class Talker:
    """Asks one thing after the other, and waits for each answer."""

    def __init__(self, number: int, stage: Stage, addresses: Addresses) -> None:
        self.number = number
        self.asked = 0
        self.roamer = Roamer(addresses, p.Start(agent=str(stage.agent.id), key=stage.key))

    async def talk(self, over: asyncio.Event) -> None:
        page = self.roamer.page
        await page.until(self.roamer.is_live)
        while not over.is_set() or self.asked < 3:
            self.asked += 1
            await self.roamer.ask(f"r{self.asked}", f"Say {self.word(self.asked)}")
            await page.until(lambda: page.answered(self.asked))
            # As a person does: it thinks before it goes on.
            await asyncio.sleep(0.3)
        await page.until(page.all_saved)

    def word(self, count: int) -> str:
        return f"word {self.number} {count}"


class Town:
    """Web and worker processes, and those who talk."""

    def __init__(self, spawn: Children) -> None:
        self.addresses = Addresses()
        self._spawn = spawn

    async def web(self, server: str) -> Child:
        web = await asyncio.to_thread(
            self._spawn, "web", "--port", "0", "--server", server, ready="Serving on"
        )
        self.addresses.urls.append(self.url_of(web))
        return web

    async def worker(self) -> Child:
        return await asyncio.to_thread(self._spawn, "worker", ready="serves at")

    def url_of(self, web: Child) -> str:
        return web.wait_for(r"Serving on (http://\S+)").group(1)

    async def retire(self, *children: Child) -> None:
        """SIGTERM, and the end of the process."""
        for child in children:
            if "Serving on" in child.output:
                self.addresses.urls.remove(self.url_of(child))
            child.terminate()
        for child in children:
            assert await asyncio.to_thread(child.wait, SOON) == 0, child.output


@asynccontextmanager
async def talking(talkers: list[Talker]) -> AsyncIterator[None]:
    """They talk meanwhile, and each comes to an end afterwards."""
    over = asyncio.Event()
    running = [asyncio.create_task(each.roamer.run()) for each in talkers]
    for task, talker in zip(running, talkers, strict=True):
        task.add_done_callback(talker.roamer.page.follower_ended)
    async with asyncio.TaskGroup() as group:
        for talker in talkers:
            group.create_task(talker.talk(over))
        await asyncio.gather(*(each.roamer.page.until(each.roamer.is_live) for each in talkers))
        yield
        over.set()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def stored(conversation_id: uuid.UUID) -> list[tuple[str, str, str, str]]:
    with platform_scope("test reads turns"):
        rows = Turn.objects.filter(conversation_id=conversation_id).order_by("epoch", "first_seq")
        return list(rows.values_list("speaker", "ref", "text", "state"))


def epochs(stage: Stage) -> list[int]:
    with tenant_scope(stage.agent.tenant_id):
        return list(Lease.objects.values_list("epoch", flat=True))


async def check(talkers: list[Talker]) -> None:
    """Each question and its answer is there once, whole, in order; on the page as in the store."""
    for talker in talkers:
        turns = await in_database(stored, talker.roamer.conversation)
        refs = [ref for speaker, ref, _, _ in turns if speaker == Speaker.USER]
        assert refs == [f"r{count + 1}" for count in range(talker.asked)]
        answers = [(text, state) for speaker, _, text, state in turns if speaker == Speaker.AGENT]
        assert [state for _, state in answers] == ["final"] * talker.asked
        for count, (text, _) in enumerate(answers, 1):
            assert talker.word(count) in text.lower()
        shown = talker.roamer.page.picture.turns
        assert [turn.text for turn in shown] == [text for _, _, text, _ in turns]


async def test_every_process_is_replaced_and_no_turn_is_dropped(
    stage: Stage, spawn: Children
) -> None:
    town = Town(spawn)
    first = await asyncio.gather(town.worker(), town.web("daphne"))
    talkers = [Talker(number, stage, town.addresses) for number in range(5)]
    async with talking(talkers):
        await asyncio.gather(town.worker(), town.web("uvicorn"))
        await town.retire(*first)
    await check(talkers)
    assert {talker.roamer.moved for talker in talkers} == {1}
    assert {talker.roamer.dropped for talker in talkers} == {0}
    assert await in_database(epochs, stage) == [2] * len(talkers)


@pytest.mark.full
async def test_two_hundred_conversations_survive_a_rolling_restart(
    stage: Stage, spawn: Children
) -> None:
    town = Town(spawn)
    workers = list(await asyncio.gather(town.worker(), town.worker()))
    webs = list(await asyncio.gather(town.web("daphne"), town.web("uvicorn")))
    talkers = [Talker(number, stage, town.addresses) for number in range(200)]
    async with talking(talkers):
        for server in ("daphne", "uvicorn"):
            workers.append(await town.worker())
            await town.retire(workers.pop(0))
            webs.append(await town.web(server))
            await town.retire(webs.pop(0))
    await check(talkers)
    assert {talker.roamer.dropped for talker in talkers} == {0}
    assert max(await in_database(epochs, stage)) > 1
    assert await in_database(live_ones) == len(talkers)


def live_ones() -> int:
    with platform_scope("test counts conversations"):
        return Conversation.objects.filter(ended_at=None).count()
