"""`kill -9` of the worker in mid-conversation: another one goes on, and nothing saved is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models import Sum

from accounts.database import in_database
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.models import Agent, Turn, Usage, UsageDay
from conversations.states import ConversationState, Speaker, TurnState
from conversations.usage.book import SUMS
from tests.children import Children
from tests.conversations.client import dial
from tests.conversations.page import Page

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
