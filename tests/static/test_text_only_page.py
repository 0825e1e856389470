"""The page where no socket comes through, in Chromium: what it shows, and what it leaves alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route, WebSocketRoute, expect

from conversations import protocol as p
from conversations.api.event_stream import as_event
from conversations.states import AgentState, ConversationState, Speaker
from tests.static.conftest import Visit
from tests.static.stand_in import AGENT, API, CONVERSATION, PAGE, PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT_ONLY = re.compile("text only")
CARD = p.AgentCard(id=AGENT["id"], name=AGENT["name"])
HELLO = p.Hello(conversation=CONVERSATION, agent=CARD, simulated=True)


class Plain:
    """The server's answers without a socket: the conversation as it stands, told once."""

    def __init__(self, visit: Visit) -> None:
        self.site = visit.site
        self.asked: list[str] = []
        self.released = asyncio.Event()

    async def answer(self, route: Route) -> None:
        self.asked.append(f"{route.request.method} {route.request.url.partition(API)[2]}")
        if "stream/" not in route.request.url:
            await route.fulfill(status=204)
            return
        if len([each for each in self.asked if "stream/" in each]) > 1:
            await self.released.wait()  # there is nothing to say
            await route.abort()
            return
        picture = p.Snapshot(epoch=1, seq=self.site.seq, state=self.site.picture, ms=self.site.ms)
        body = b"".join(as_event(p.encode(each)) for each in (HELLO, picture))
        await route.fulfill(status=200, content_type="text/event-stream", body=body)


@pytest_asyncio.fixture(loop_scope="module")
async def plain(visit: Visit) -> AsyncIterator[Plain]:
    """Sockets are refused, and the conversation is live."""
    plain = Plain(visit)
    visit.site.accepts = False
    await visit.site.go_live()
    await visit.site.user_says("Do you have size 42?")
    turn = await visit.site.begin_turn(Speaker.AGENT)
    await visit.site.say(turn, "Yes, two pairs.")
    await visit.site.end_turn(turn)
    await visit.page.route(f"**{API}**", plain.answer)
    yield plain
    plain.released.set()
    await visit.page.unroute_all(behavior="ignoreErrors")


async def test_it_says_why_there_is_no_voice_until_there_is(visit: Visit, plain: Plain) -> None:
    await visit.open(PAGE)
    await visit.is_now("connection", "degraded-http")
    await visit.is_now("agent-state", "listening")
    await expect(visit.part("agent-state")).to_have_text("Ready")
    assert await visit.texts() == ["Do you have size 42?", "Yes, two pairs."]
    line = visit.part("text-only")
    await expect(line).to_contain_text("your network blocks")
    await visit.is_now("mic", "no-way")
    await expect(visit.part("mic-toggle")).to_be_disabled()
    await expect(visit.part("mic-toggle")).to_have_accessible_description(
        await visit.page.locator("#text-only-words").inner_text()
    )
    for name in ("camera-toggle", "screen-toggle"):
        await expect(visit.part(name)).to_be_disabled()
        await expect(visit.part(name)).to_have_attribute("title", TEXT_ONLY)
    await visit.type("Put them aside")
    await visit.part("try-voice").click()
    await visit.is_now("connection", "degraded-http")

    held = visit.site.seq
    visit.site.accepts = True
    await visit.part("try-voice").click()
    await visit.is_now("connection", "ready")
    await expect(line).to_be_hidden()
    await visit.is_now("mic", "off")
    for name in ("mic-toggle", "camera-toggle", "screen-toggle"):
        await expect(visit.part(name)).to_be_enabled()
    (resume,) = visit.site.sent("resume")
    assert (resume["epoch"], resume["seq"]) == (1, held)
    # Nothing here has told that it was stored: so it is said again, with the same id.
    await visit.site.until(lambda: visit.site.sent("text"))
    assert f"POST {CONVERSATION}/messages/?page={resume['page']}" in plain.asked
    await expect(visit.part("turn").last).to_have_attribute("data-delivery", "saved")


async def test_the_microphone_goes_off_and_words_do_not_wait_for_sound(
    visit: Visit, plain: Plain
) -> None:
    visit.site.accepts = True
    await visit.open(PAGE)
    await visit.is_now("connection", "ready")
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "on")
    turn = await visit.site.begin_turn(Speaker.AGENT)
    await visit.site.begin_voice(turn)
    await visit.site.say(turn, "Both of them are put aside for you.", 60_000)
    visit.site.accepts = False
    visit.site.cut()
    await visit.is_now("connection", "degraded-http")
    await visit.is_now("mic", "no-way")
    assert await visit.page.evaluate("parley.state.microphone") == "off"
    await expect(visit.part("turn-text").last).to_have_text("Both of them are put aside for you.")
    assert visit.site.picture.state == ConversationState.LIVE
    assert visit.site.picture.agent == AgentState.SPEAKING


async def test_a_socket_that_does_not_open_is_not_waited_for(visit: Visit, plain: Plain) -> None:
    dialled = asyncio.Event()

    async def stall(socket: WebSocketRoute) -> None:
        dialled.set()
        await plain.released.wait()

    await visit.page.route_web_socket(re.compile("/ws/"), stall)
    await visit.page.clock.install()
    await visit.open(PAGE)
    await asyncio.wait_for(dialled.wait(), PATIENCE_S)
    await visit.page.clock.run_for(4000)
    await visit.is_now("connection", "connecting")
    await visit.page.clock.run_for(1000)
    await visit.is_now("connection", "degraded-http")
