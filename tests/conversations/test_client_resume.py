"""A page that comes back after a cut, and what it is told. Time is passed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from conversations import protocol as p
from conversations.states import ConversationState, Speaker
from conversations.worker import Worker, WorkerOptions
from tests.conversations.page import Page
from tests.conversations.worker.test_worker import SECRET, House, stored_turns, typed

if TYPE_CHECKING:
    from conversations.models import Conversation
    from tests.conversations.conftest import Stage


class Day:
    """A worker whose clock the test holds, with a running conversation and its page."""

    def __init__(self, house: House, conversation: Conversation) -> None:
        self.house = house
        self.conversation = conversation
        self.page = Page()
        self.now = 1000.0
        options = WorkerOptions(listen_at=None, link_secret=SECRET, clock=lambda: self.now)
        self.worker = Worker(house.bus, options)

    async def ask(self, number: int) -> None:
        """Attach, ask, and leave before the answer has ended."""
        async with self.house.page(self.conversation, self.page) as (page, attachment):
            await page.until(lambda: page.picture.state == ConversationState.LIVE)
            await attachment.send(typed(f"r{number}", f"Say number {number}"))
            await page.until(lambda: len(page.said(Speaker.USER)) == number)

    async def come_back(self, answers: int) -> None:
        """Attach again, with what the page holds, until everything is answered and saved."""
        async with self.house.page(self.conversation, self.page) as (page, _):
            await page.until(lambda: page.answered(answers))
            await page.until(page.all_saved)

    @property
    def greetings(self) -> list[type[p.ServerMessage]]:
        """What the page was told of its return, each time."""
        kinds = (p.Snapshot, p.Resumed)
        return [type(message) for message in self.page.messages if isinstance(message, kinds)]


@pytest.fixture
async def day(stage: Stage, shared_database: None) -> AsyncIterator[Day]:
    house = House()
    await house.bus.start()
    day = Day(house, await stage.new_conversation())
    house.workers.append(day.worker)
    await day.worker.start()
    yield day
    for worker in house.workers:
        await worker.aclose()
    await house.switchboard.aclose()


async def test_within_the_window_it_gets_what_it_missed_and_later_a_snapshot(day: Day) -> None:
    await day.ask(1)
    host = day.worker.hosts[day.conversation.id]
    await day.page.until(lambda: host.left_at is not None and not host.is_busy)
    day.now += p.RESUME_WINDOW_S
    await day.come_back(1)
    assert day.greetings == [p.Snapshot, p.Resumed]

    await day.ask(2)
    await day.page.until(lambda: host.left_at is not None and not host.is_busy)
    day.now += 600
    await day.page.until(lambda: not day.worker.hosts)
    await day.come_back(2)
    assert day.greetings == [p.Snapshot, p.Resumed, p.Resumed, p.Snapshot]
    assert day.page.epoch == 2
    assert day.page.said(Speaker.USER) == ["Say number 1", "Say number 2"]
    shown = [(turn.speaker, turn.text, turn.state) for turn in day.page.picture.turns]
    assert shown == await stored_turns(day.conversation)
