"""Tool calls of a running conversation: the real simulator asks, a real server answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

import live
from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Conversation, Event, Lease, ToolCall
from conversations.states import AgentState, CallState, ToolKind
from conversations.tools.ledger import Host, LeftCall, begin, take, unknown
from conversations.tools.outcomes import CallFailed
from conversations.tools.tool import Tool
from conversations.tools.toolbox import Toolbox
from conversations.transcripts.assembly import ToolChange
from conversations.worker.asked import UNKNOWN
from conversations.worker.calls import MAX_OPEN, ToolCalls, in_words, told
from live import FunctionCall, FunctionDeclaration, FunctionResponse
from live.simulator import Script
from live.simulator.scenario import Drop, RefuseHandle, Step
from tests.conversations.page import Page
from tests.conversations.tools.rows import allow, make_tool
from tests.conversations.tools.shop import HOST, Reply, Shop, open_shop
from tests.conversations.worker.test_worker import House, house, typed  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

PATIENCE_S = 10.0


@dataclass
class Ear:
    """What a host would tell."""

    answers: list[FunctionResponse] = field(default_factory=list)
    changes: list[ToolChange] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def tell_model(self, answer: FunctionResponse) -> None:
        self.answers.append(answer)
        self.heard.set()

    def tell_pages(self, change: ToolChange) -> None:
        self.changes.append(change)
        self.heard.set()

    @property
    def states(self) -> list[CallState]:
        return [change.state for change in self.changes]

    async def until(self, count: int) -> None:
        await self.heard_that(lambda: len(self.answers) >= count)

    async def heard_that(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.heard.clear()
                await self.heard.wait()


def calls_of(conversation: Conversation) -> list[tuple[str, str]]:
    with platform_scope("test reads calls"):
        rows = ToolCall.objects.filter(conversation=conversation.pk)
        return list(rows.values_list("name", "state"))


def host_of(conversation: Conversation) -> Host:
    """Its lease as a worker's that has just won it."""
    with platform_scope("test takes a lease"):
        Lease.objects.filter(conversation=conversation.pk).update(epoch=1)
    return Host(conversation.pk, conversation.tenant_id, epoch=1)


async def met(look: Callable[[], bool]) -> None:
    """Wait until the database says so."""
    async with asyncio.timeout(PATIENCE_S):
        while not await in_database(look):  # noqa: ASYNC110 - another thread writes
            await asyncio.sleep(0.02)


@pytest.fixture
def open_tools(settings: Settings) -> None:
    settings.TOOL_PRIVATE_HOSTS = [HOST]


def set_up_tool(stage: Stage, shop: Shop) -> None:
    with platform_scope("test sets a tool up"):
        allow(stage.agent, HOST)
        make_tool(stage.agent, "look_up", description="Look something up.", url=shop.url)


@pytest.mark.usefixtures("open_tools")
async def test_the_model_asks_and_is_answered(stage: Stage, house: House) -> None:  # noqa: F811
    with open_shop() as shop:
        await in_database(set_up_tool, stage, shop)
        await house.hire()
        conversation = await stage.new_conversation()
        async with house.page(conversation) as (page, attachment):
            await page.until(lambda: page.picture.agent == AgentState.LISTENING)
            await attachment.send(typed("a", "Please look up size 42"))
            await page.until(lambda: CallState.SUCCEEDED in tool_states(page))
            await page.until(page.answered)
    assert len(shop.asked) == 1
    assert shop.asked[0].headers["Idempotency-Key"]
    assert AgentState.USING_TOOL in agent_states(page)
    assert tool_states(page) == [CallState.RUNNING, CallState.SUCCEEDED]
    assert [tool.name for tool in page.picture.tools] == ["look_up"]
    assert await in_database(calls_of, conversation) == [("look_up", "succeeded")]
    await house.workers[0].aclose()
    assert await in_database(told_of, conversation) == ["Look up was used."]


@pytest.mark.usefixtures("open_tools")
@pytest.mark.parametrize(
    ("lost", "ends"),
    [
        (Step(do=Drop(), at="call", after=0.1), CallState.CANCELLED),
        (Step(do=Drop(), at="input", nth=2), CallState.SUCCEEDED),
    ],
    ids=["before-the-answer", "with-the-answer"],
)
async def test_a_session_that_begins_anew_is_told_what_the_last_one_had_called(
    stage: Stage,
    house: House,  # noqa: F811
    lost: Step,
    ends: CallState,
) -> None:
    """It waits for no answer, and nobody puts the question again for which a call was made."""
    stage.simulator.script(Script(steps=(lost,)))
    stage.simulator.script(Script(steps=(Step(do=RefuseHandle(), at="setup"),)), connections=5)
    hold = threading.Event()
    with open_shop() as shop:
        if ends == CallState.CANCELLED:
            shop.replies = [Reply(hold=hold)]
        await in_database(set_up_tool, stage, shop)
        await house.hire()
        conversation = await stage.new_conversation()
        async with house.page(conversation) as (page, attachment):
            await page.until(lambda: page.picture.agent == AgentState.LISTENING)
            await attachment.send(typed("a", "Please look up size 42"))
            await page.until(lambda: "session-renewed" in codes(page))
            hold.set()
            await page.until(page.answered)
    assert len(shop.asked) == 1
    assert await in_database(calls_of, conversation) == [("look_up", ends)]


def codes(page: Page) -> list[str]:
    return [event.code for event in page.events if isinstance(event, p.Notice)]


def tool_states(page: Page) -> list[CallState]:
    return [event.state for event in page.events if isinstance(event, p.ToolChanged)]


def told_of(conversation: Conversation) -> list[str]:
    """What the timeline says of tools."""
    with platform_scope("test reads events"):
        rows = Event.objects.filter(conversation=conversation.pk, kind__startswith="tool-")
        return [row.data["text"] for row in rows]


@pytest.mark.usefixtures("open_tools")
async def test_the_page_is_asked_and_answers(stage: Stage, house: House) -> None:  # noqa: F811
    await in_database(set_up_page_tool, stage)
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.agent == AgentState.LISTENING)
        await attachment.send(typed("a", "Please look up size 42"))
        await page.until(lambda: CallState.REQUESTED in tool_states(page))
        asked = page.picture.tools[0]
        assert (asked.name, asked.end_ms is not None) == ("look_up", True)
        assert asked.args is not None
        early = p.ToolResult(call=asked.call, result={"pairs": 2})
        await attachment.send(p.encode(early))
        await page.until(lambda: "call-not-taken" in errors(page))
        await attachment.send(p.encode(p.ToolTake(call=asked.call, by="me")))
        await page.until(lambda: CallState.RUNNING in tool_states(page))
        await attachment.send(p.encode(p.ToolTake(call=asked.call, by="me")))
        await page.until(lambda: "call-taken" in errors(page))
        await attachment.send(p.encode(p.ToolResult(call=asked.call, result={"pairs": 2})))
        await page.until(lambda: CallState.SUCCEEDED in tool_states(page))
        await attachment.send(p.encode(p.ToolResult(call=asked.call, result={"pairs": 3})))
        await page.until(lambda: "unknown-call" in errors(page))
        await page.until(page.answered)
    assert page.picture.tools[0].args is None
    assert await in_database(answers_of, conversation) == [("look_up", {"pairs": 2})]


def errors(page: Page) -> list[str]:
    return [message.code for message in page.messages if isinstance(message, p.Error)]


def set_up_page_tool(stage: Stage) -> None:
    with platform_scope("test sets a tool up"):
        make_tool(stage.agent, "look_up", description="Look something up.", kind=ToolKind.CLIENT)


def answers_of(conversation: Conversation) -> list[tuple[str, object]]:
    with platform_scope("test reads calls"):
        rows = ToolCall.objects.filter(conversation=conversation.pk)
        return list(rows.values_list("name", "response"))


def agent_states(page: Page) -> list[AgentState]:
    return [event.state for event in page.events if isinstance(event, p.AgentChanged)]


async def test_a_call_that_is_taken_back_is_stopped_and_told_to_nobody(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    hold = threading.Event()
    with open_shop() as shop:
        shop.replies = [Reply(hold=hold)]
        ear = Ear()
        calls = ToolCalls(await in_database(host_of, conversation), box(shop), ear)
        calls.hear(live.ToolCall((FunctionCall(id="fc-1", name="stock"),)))
        await asyncio.to_thread(shop.arrived.wait, PATIENCE_S)
        calls.hear(live.ToolCallCancellation(("fc-1",)))
        assert len(calls) == 0
        await met(lambda: calls_of(conversation) == [("stock", "cancelled")])
        hold.set()
        await calls.aclose()
    assert ear.answers == []
    assert ear.states == [CallState.RUNNING, CallState.CANCELLED]


def page_box(timeout_s: float = PATIENCE_S) -> Toolbox:
    """One function that the page answers."""
    return Toolbox([Tool(FunctionDeclaration(name="clock"), ToolKind.CLIENT, timeout_s)])


async def test_a_page_that_does_not_take_a_call_in_time_made_none(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    ear = Ear()
    calls = ToolCalls(await in_database(host_of, conversation), page_box(0.01), ear)
    calls.take([FunctionCall(id="fc-1", name="clock")])
    await ear.until(1)
    assert ear.answers[0].response["error"]["code"] == "nobody_there"
    assert ear.states == [CallState.REQUESTED, CallState.FAILED]
    assert calls.hear_page(p.ToolTake(call="fc-1", by="me")) == UNKNOWN


async def test_a_page_is_not_asked_with_more_than_it_can_be_shown(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    ear = Ear()
    calls = ToolCalls(await in_database(host_of, conversation), page_box(), ear)
    calls.take([FunctionCall(id="fc-1", name="clock", args={"text": "a" * p.ARGS_BYTES})])
    await ear.until(1)
    assert ear.answers[0].response["error"]["code"] == "arguments_too_long"
    assert ear.states == [CallState.FAILED]


async def test_a_page_may_say_at_once_that_it_cannot(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    ear = Ear()
    calls = ToolCalls(await in_database(host_of, conversation), page_box(), ear)
    calls.take([FunctionCall(id="fc-1", name="clock")])
    await ear.heard_that(lambda: bool(ear.changes))
    assert calls.hear_page(p.ToolResult(call="fc-1", error="I have no clock.")) is None
    await ear.until(1)
    assert ear.answers[0].response["error"]["message"] == "I have no clock."


async def test_what_a_page_has_begun_goes_on_with_the_next_worker(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    host = await in_database(host_of, conversation)
    await in_database(begin, host, "fc-1", "clock", answer_by=soon())
    await in_database(take, host, "fc-1")
    ear = Ear()
    calls = ToolCalls(host, page_box(), ear, [LeftCall("fc-1", "clock", None, PATIENCE_S)])
    assert calls.hear_page(p.ToolResult(call="fc-1", result={"at": "noon"})) is None
    assert ear.answers == [], "the model has not come back yet"
    calls.answer_lost()
    await ear.until(1)
    assert ear.answers[0].response == {"at": "noon"}
    assert await in_database(calls_of, conversation) == [("clock", "succeeded")]


async def test_a_new_session_waits_for_nothing_that_a_page_has_begun(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    host = await in_database(host_of, conversation)
    await in_database(begin, host, "fc-1", "clock", answer_by=soon())
    ear = Ear()
    calls = ToolCalls(host, page_box(), ear, [LeftCall("fc-1", "clock", None, PATIENCE_S)])
    calls.forget()
    assert calls.hear_page(p.ToolResult(call="fc-1", result={})) == UNKNOWN
    await met(lambda: calls_of(conversation) == [("clock", "cancelled")])
    await calls.aclose()
    assert (ear.answers, ear.states) == ([], [CallState.CANCELLED])


def soon() -> datetime:
    return timezone.now() + timedelta(seconds=PATIENCE_S)


async def test_what_a_lost_worker_had_begun_is_answered_and_not_made(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    host = await in_database(host_of, conversation)
    await in_database(begin, host, "fc-1", "stock")
    with open_shop() as shop:
        ear = Ear()
        calls = ToolCalls(host, box(shop), ear, [LeftCall("fc-1", "stock", unknown())])
        calls.answer_lost()
        calls.answer_lost()
        assert [answer.id for answer in ear.answers] == ["fc-1"]
        assert ear.answers[0].response["error"]["code"] == "outcome_unknown"
        calls.take([FunctionCall(id="fc-1", name="stock")])
        await ear.until(2)
        assert ear.answers[1].response["error"]["code"] == "outcome_unknown"
        await calls.aclose()
    assert shop.asked == []


async def test_a_worker_whose_lease_is_gone_makes_no_call(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    host = Host(conversation.pk, conversation.tenant_id, epoch=7)
    with open_shop() as shop:
        ear = Ear()
        calls = ToolCalls(host, box(shop), ear)
        calls.take([FunctionCall(id="fc-1", name="stock")])
        async with asyncio.timeout(PATIENCE_S):
            while len(calls):  # noqa: ASYNC110 - another thread reads
                await asyncio.sleep(0.01)
    assert (shop.asked, ear.answers) == ([], [])


async def test_how_calls_ended_is_known_until_the_model_has_gone_on(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    with open_shop() as shop:
        ear = Ear()
        calls = ToolCalls(await in_database(host_of, conversation), box(shop), ear)
        calls.take([FunctionCall(id="fc-1", name="stock")])
        await ear.until(1)
        shop.replies = [Reply(hold=(hold := threading.Event()))]
        shop.arrived.clear()
        calls.take([FunctionCall(id="fc-2", name="stock")])
        await asyncio.to_thread(shop.arrived.wait, PATIENCE_S)
        calls.hear(live.ToolCallCancellation(("fc-2",)))
        hold.set()
        known = calls.forget()
        assert [(call.id, call.told.state) for call in known] == [
            ("fc-1", CallState.SUCCEEDED),
            ("fc-2", unknown().state),
        ]
        assert calls.forget() == []
        calls.take([FunctionCall(id="fc-3", name="stock")])
        await ear.until(2)
        calls.hear(live.OutputTranscript(text="There are"))
        assert calls.forget() == []
        await calls.aclose()


async def test_more_calls_than_may_be_open_are_told_so(stage: Stage) -> None:
    conversation = await stage.new_conversation()
    hold = threading.Event()
    with open_shop() as shop:
        shop.replies = [Reply(hold=hold)]
        ear = Ear()
        calls = ToolCalls(await in_database(host_of, conversation), box(shop), ear)
        calls.take([FunctionCall(id=f"fc-{n}", name="stock") for n in range(MAX_OPEN + 1)])
        assert ear.answers[0].response["error"]["code"] == "too_many_calls"
        hold.set()
        await ear.until(MAX_OPEN + 1)
        await calls.aclose()


def box(shop: Shop) -> Toolbox:
    from tests.conversations.tools.test_toolbox import http  # noqa: PLC0415 - one tool, as there

    return Toolbox([http(shop)])


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (CallState.FAILED, "Look up order failed."),
        (CallState.TIMED_OUT, "Look up order did not answer in time."),
    ],
)
def test_lines_are_for_people(state: CallState, line: str) -> None:
    failure = CallFailed("code", "message").outcome()
    outcome = type(failure)(failure.response, state, failure.summary)
    assert told("look_up_order", outcome) == line
    assert in_words("shop.find_item") == "Shop find item"
