"""Running conversations come to their limits: real workers, database and simulator, and a clock
that the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from accounts.database import in_database
from accounts.limits import LimitKind
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Agent, Conversation, Event
from conversations.states import ConversationState, EndReason, Speaker
from conversations.worker import Worker, WorkerOptions
from tests.conversations.conftest import make_conversation
from tests.conversations.page import Page
from tests.conversations.quotas.ledger import limit, used
from tests.conversations.talks import make_agent
from tests.conversations.worker.test_worker import SECRET, House, typed

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

MINUTE_MS = 60_000
WHY = {
    "length": EndReason.MAX_DURATION,
    "idle": EndReason.IDLE_LIMIT,
    "sessions": EndReason.CAPACITY_FULL,
    "day-minutes": EndReason.BUDGET_EXHAUSTED,
    "month-spend": EndReason.BUDGET_EXHAUSTED,
}


class Clock:
    """The hosts' clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TimedHouse(House):
    """One worker, whose hosts have the test's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()

    async def hire(self) -> Worker:
        options = WorkerOptions(listen_at=("127.0.0.1", 0), link_secret=SECRET, clock=self.clock)
        worker = Worker(self.bus, options)
        await worker.start()
        self.workers.append(worker)
        return worker


@pytest.fixture
async def house(shared_database: None) -> AsyncIterator[TimedHouse]:
    house = TimedHouse()
    await house.bus.start()
    yield house
    for worker in house.workers:
        await worker.aclose()
    await house.switchboard.aclose()


def make_agents(stage: Stage) -> dict[str, Agent]:
    return {slug: make_agent(stage.agent.tenant, slug) for slug in (*WHY, "free")}


def lower_limits(agents: dict[str, Agent]) -> None:
    """As an admin does while everybody talks."""
    limit(agents["length"], length_ms=MINUTE_MS)
    limit(agents["idle"], idle_ms=MINUTE_MS)
    limit(agents["sessions"], sessions=0)
    limit(agents["day-minutes"], day_minutes=10)
    limit(agents["month-spend"], month_spend_micros=1_000_000)
    used(agents["day-minutes"].tenant, agents["day-minutes"].pk, minutes=10)
    used(agents["month-spend"].tenant, agents["month-spend"].pk, spent=1)


def is_live(page: Page) -> bool:
    return page.picture.state == ConversationState.LIVE


def has_ended(page: Page) -> bool:
    return page.picture.ended is not None


def warnings(page: Page) -> list[tuple[str, int | None]]:
    return [
        (str(event.what), event.left_ms)
        for event in page.events
        if isinstance(event, p.LimitWarning)
    ]


def kept(conversation: Conversation) -> tuple[str, str, list[str]]:
    """(reason asked for, reason of the end, kinds of events)."""
    with platform_scope("test"):
        row = Conversation.objects.get(pk=conversation.pk)
        kinds = Event.objects.filter(conversation=row).values_list("kind", flat=True)
        return row.stop_reason, row.end_reason, list(kinds)


async def test_each_limit_warns_and_then_ends(stage: Stage, house: TimedHouse) -> None:
    """Limits that are lowered while all talk; one conversation has none, and goes on."""
    worker = await house.hire()
    agents = await in_database(make_agents, stage)
    rows = {slug: await in_database(make_conversation, agents[slug]) for slug in agents}
    async with AsyncExitStack() as pages:
        held = {slug: await pages.enter_async_context(house.page(rows[slug])) for slug in rows}
        for page, attachment in held.values():
            await page.until(partial(is_live, page))
            await attachment.send(typed("r1", "Hello"))
        for page, _ in held.values():
            await page.until(page.answered)
            await page.until(page.all_saved)
        await in_database(lower_limits, agents)
        await worker.limits.look_up()
        house.clock.now += 45
        for slug in WHY:
            page, _ = held[slug]
            await page.until(partial(warnings, page))
            assert warnings(page) == [(slug, 20_000)]
            assert page.picture.warnings[0].what == LimitKind(slug)
            assert page.picture.state == ConversationState.LIVE
        house.clock.now += 21
        for slug, reason in WHY.items():
            page, _ = held[slug]
            await page.until(partial(has_ended, page))
            assert page.picture.ended == reason
            assert page.picture.warnings == []
            assert page.all_saved()
            assert page.said(Speaker.USER) == ["Hello"]
            asked, ended, kinds = await in_database(kept, rows[slug])
            assert (asked, ended) == (reason, reason)
            assert kinds[-2:] == ["limit-warning", "ended"]
        page, attachment = held["free"]
        await attachment.send(typed("r2", "Are you still there?"))
        await page.until(lambda: page.answered(2))
        assert warnings(page) == []


async def test_who_says_that_she_is_there_stays(stage: Stage, house: TimedHouse) -> None:
    await in_database(limit, stage.agent, idle_ms=MINUTE_MS, message_chars=20, messages_per_min=2)
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        house.clock.now += 45
        await page.until(lambda: page.picture.warnings)
        await attachment.send(p.encode(p.Stay()))
        await page.until(lambda: not page.picture.warnings)
        house.clock.now += 21
        await attachment.send(typed("r1", "Hello"))
        await page.until(page.answered)
        # What is too long or too fast is not taken, and told; the conversation goes on.
        await attachment.send(typed("r2", "This is longer than twenty characters."))
        await page.until(lambda: errors(page) == ["text-too-long"])
        await attachment.send(typed("r3", "Two"))
        await attachment.send(typed("r4", "Three"))
        await page.until(lambda: errors(page) == ["text-too-long", "too-many-texts"])
        house.clock.now += 30
        await attachment.send(typed("r4", "Three"))
        await page.until(lambda: page.said(Speaker.USER) == ["Hello", "Two", "Three"])


def errors(page: Page) -> list[str]:
    return [message.code for message in page.messages if isinstance(message, p.Error)]
