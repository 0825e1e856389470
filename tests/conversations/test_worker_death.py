"""`kill -9` of the worker in mid-conversation: another one goes on, and nothing saved is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import TYPE_CHECKING

import pytest
from django.db.models import Sum

from accounts.database import in_database
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.models import Agent, ToolCall, Turn, Usage, UsageDay
from conversations.states import CallState, ConversationState, Speaker, ToolKind, TurnState
from conversations.usage.book import SUMS
from tests.children import Child, Children
from tests.conversations.client import Client, dial
from tests.conversations.page import Page
from tests.conversations.tools.rows import allow, make_tool
from tests.conversations.tools.shop import HOST, Reply, open_shop

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = pytest.mark.timeout(90)


def stored(agent: Agent) -> dict[str, str]:
    with tenant_scope(agent.tenant_id):
        return {turn.key: turn.text for turn in Turn.objects.all()}


def used(agent: Agent) -> tuple[dict[str, int], dict[str, int]]:
    """What the reports of all its conversations come to, and what its days say."""
    sums = {f"{name}_sum": Sum(name) for name in SUMS}
    with tenant_scope(agent.tenant_id):
        reports = Usage.objects.filter(conversation__agent=agent).aggregate(**sums)
        days = UsageDay.objects.filter(subject=agent.pk).aggregate(**sums)
    return reports, days


def saved(page: Page) -> dict[str, str]:
    return {turn.turn: turn.text for turn in page.picture.turns if turn.saved}


async def test_another_worker_goes_on(stage: Stage, spawn: Children) -> None:
    first = spawn("worker", ready="serves at")
    web = spawn("web", "--port", "0", ready="Serving on")
    url = web.wait_for(r"Serving on (http://\S+)").group(1)
    page = Page()
    async with dial(url, page=page) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await client.say(p.SendText(id="1", text="The code word is marmalade."))
        await page.until(page.answered)
        await page.until(page.all_saved)
        spawn("worker", ready="serves at")
        await client.say(p.SendText(id="2", text="Tell me a long story"))
        await page.until(lambda: page.audio_bytes > 600_000)
        shown = saved(page)
        told = page.said(Speaker.AGENT)[-1]

        first.kill()

        await page.until(lambda: page.epoch == 2)
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        assert shown.items() <= saved(page).items()
        assert not any(turn.state == TurnState.PARTIAL for turn in page.picture.turns)
        kept = page.picture.turns[-1]
        assert kept.state == TurnState.INTERRUPTED
        assert told.startswith(kept.text), "at most the last second of a partial turn is lost"

        await client.say(p.SendText(id="3", text="What is the code word?"))
        await page.until(lambda: page.answered(3))
        assert "marmalade" in page.said(Speaker.AGENT)[-1].lower()
        await page.until(page.all_saved)
    assert saved(page).items() <= (await in_database(stored, stage.agent)).items()
    by_report, by_day = await in_database(used, stage.agent)
    assert by_report == by_day
    assert by_day["text_in_sum"] > 0


# --- in the middle of a tool call --------------------------------------------------------------


@asynccontextmanager
async def talk(stage: Stage, spawn: Children) -> AsyncIterator[tuple[Client, Child]]:
    """A live conversation, and the worker that hosts it."""
    environment = {"TOOL_PRIVATE_HOSTS": HOST}
    worker = spawn("worker", ready="serves at", env=environment)
    web = spawn("web", "--port", "0", ready="Serving on")
    page = Page()
    async with dial(web.wait_for(r"Serving on (http://\S+)").group(1), page=page) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await asyncio.to_thread(spawn, "worker", ready="serves at", env=environment)
        yield client, worker


def set_up(agent: Agent, url: str) -> None:
    with tenant_scope(agent.tenant_id):
        if url:
            allow(agent, HOST)
            make_tool(agent, "look_up", description="Look something up.", url=url)
        else:
            make_tool(agent, "look_up", description="Look something up.", kind=ToolKind.CLIENT)


def noted(agent: Agent) -> list[tuple[str, object]]:
    with tenant_scope(agent.tenant_id):
        return list(ToolCall.objects.values_list("state", "response"))


async def test_a_call_of_a_dead_worker_is_not_made_again(stage: Stage, spawn: Children) -> None:
    with open_shop() as shop:
        shop.replies = [Reply(hold=(held := Event()))]
        await in_database(set_up, stage.agent, shop.url)
        async with talk(stage, spawn) as (client, worker):
            page = client.page
            await client.say(p.SendText(id="1", text="Please look up size 42"))
            await asyncio.to_thread(shop.arrived.wait, 20)

            worker.kill()

            await page.until(lambda: page.epoch == 2)
            await page.until(page.answered)
        held.set()
        [(state, response)] = await in_database(noted, stage.agent)
        assert len(shop.asked) == 1, "nobody knows whether it was done"
    assert state == CallState.FAILED
    assert isinstance(response, dict)
    assert response["error"]["code"] == "outcome_unknown"


def state_of_call(page: Page) -> CallState:
    return page.picture.tools[0].state


async def test_a_page_answers_the_next_worker(stage: Stage, spawn: Children) -> None:
    await in_database(set_up, stage.agent, "")
    async with talk(stage, spawn) as (client, worker):
        page = client.page
        await client.say(p.SendText(id="1", text="Please look up size 42"))
        await page.until(lambda: [tool.args for tool in page.picture.tools] != [])
        [tool] = page.picture.tools
        await client.say(p.ToolTake(call=tool.call, by="me"))
        await page.until(lambda: page.picture.tools[0].state == CallState.RUNNING)

        worker.kill()

        await page.until(lambda: page.epoch == 2)
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        assert state_of_call(page) == CallState.RUNNING
        await client.say(p.ToolResult(call=tool.call, result={"pairs": 2}))
        await page.until(page.answered)
        assert state_of_call(page) == CallState.SUCCEEDED
    assert await in_database(noted, stage.agent) == [(CallState.SUCCEEDED, {"pairs": 2})]
