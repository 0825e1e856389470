"""Tool cards on the page, and the calls that the page makes itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from conversations import protocol as p
from conversations.states import CallState
from tests.static.conftest import Visit
from tests.static.stand_in import PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def change(visit: Visit, name: str, state: CallState, **fields: Any) -> None:
    await visit.site.event(p.ToolChanged, call="fc-1", name=name, state=state, **fields)


async def test_a_call_that_a_server_makes_is_shown(visit: Visit) -> None:
    await visit.start()
    await change(visit, "look_up_order", CallState.RUNNING)
    card = visit.part("tool")
    await expect(card).to_have_text("Look up orderWorking")
    await change(visit, "look_up_order", CallState.FAILED, summary="503 Service Unavailable")
    await expect(card).to_have_attribute("data-state", "failed")
    await expect(card).to_have_text(
        re.compile(r"^Look up orderFailed · \d\.\d s503 Service Unavailable$")
    )
    await visit.open(PAGE)
    await expect(visit.part("tool")).to_have_attribute("data-state", "failed")
    assert visit.site.sent("tool-take") == visit.site.sent("tool-result") == []


async def test_the_page_makes_a_call_and_shows_the_card(visit: Visit) -> None:
    await visit.start()
    args = {"title": "Red shoes", "text": "Size 42", "link": "https://shop.example/42"}
    await change(visit, "show_card", CallState.REQUESTED, args=args, left_ms=10_000)
    await visit.site.until(lambda: visit.site.sent("tool-take"))
    (taking,) = visit.site.sent("tool-take")
    await expect(visit.part("agent-card")).to_be_hidden()
    await change(visit, "show_card", CallState.RUNNING, by=taking["by"])
    await visit.site.until(lambda: visit.site.sent("tool-result"))
    assert visit.site.sent("tool-result")[0]["result"] == {"shown": True}
    await change(visit, "show_card", CallState.SUCCEEDED, summary="Answered by the page.")
    await expect(visit.part("agent-card").get_by_role("heading")).to_have_text("Red shoes")
    link = visit.part("agent-card").get_by_role("link", name="Open shop.example")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(visit.part("tool")).to_contain_text("Done")


async def test_what_was_begun_before_a_reload_is_not_begun_again(visit: Visit) -> None:
    await visit.start()
    await change(visit, "get_local_time", CallState.REQUESTED, args={}, left_ms=10_000)
    await visit.site.until(lambda: visit.site.sent("tool-take"))
    await change(
        visit, "get_local_time", CallState.RUNNING, by=visit.site.sent("tool-take")[0]["by"]
    )
    await visit.site.until(lambda: visit.site.sent("tool-result"))
    await visit.open(PAGE)
    await expect(visit.part("tool")).to_have_attribute("data-state", "running")
    await visit.type("Are you there?")
    await visit.site.until(lambda: visit.site.sent("text"))
    assert len(visit.site.sent("tool-take")) == len(visit.site.sent("tool-result")) == 1


async def test_an_answer_that_a_cut_swallowed_is_sent_again(visit: Visit) -> None:
    await visit.start()
    await change(visit, "get_local_time", CallState.REQUESTED, args={}, left_ms=10_000)
    await visit.site.until(lambda: visit.site.sent("tool-take"))
    await change(
        visit, "get_local_time", CallState.RUNNING, by=visit.site.sent("tool-take")[0]["by"]
    )
    await visit.site.until(lambda: visit.site.sent("tool-result"))
    visit.site.cut()
    await visit.site.until(lambda: len(visit.site.sent("tool-result")) == 2)
    first, second = visit.site.sent("tool-result")
    assert first == second
