"""A network that lets no WebSocket through: the conversation goes on in text, and comes back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.e2e.conftest import Demo, keep, log_in, said

pytestmark = pytest.mark.timeout(180)

SLOW_MS = 30_000


class Network:
    """What lies between this page and the server."""

    def __init__(self, page: Page) -> None:
        self.blocks = True
        self.tries = 0
        page.route_web_socket(re.compile("/ws/"), self._carry)

    def _carry(self, socket: WebSocketRoute) -> None:
        self.tries += 1
        if self.blocks:
            socket.close(code=1006)
        else:
            socket.connect_to_server()


def connection_is(page: Page, state: str) -> None:
    expect(page.get_by_test_id("connection")).to_have_attribute(
        "data-state", state, timeout=SLOW_MS
    )


def ask(page: Page, question: str, answer: str) -> None:
    page.get_by_test_id("composer").fill(question)
    page.get_by_test_id("composer").press("Enter")
    mine = page.locator('[data-testid="turn"][data-delivery="saved"]').last
    expect(mine).to_contain_text(question, timeout=SLOW_MS)
    theirs = page.locator('[data-testid="turn"][data-speaker="agent"][data-state="final"]').last
    expect(theirs).to_contain_text(re.compile(answer, re.IGNORECASE), timeout=SLOW_MS)


def test_texts_go_on_and_the_voice_comes_back(
    demo: Demo, browse: Callable[[bytes], Browser]
) -> None:
    context = browse(said(1.0)).new_context(permissions=["microphone"])
    page = log_in(context, demo, demo.user("acme", "member"))
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    network = Network(page)
    page.clock.install()

    page.get_by_role("link", name="Talk to Shop assistant").click()
    page.get_by_test_id("start-typing").click()
    connection_is(page, "degraded-http")
    expect(page.get_by_test_id("mic-toggle")).to_be_disabled()
    ask(page, "The code word is owl.", "owl")
    keep(page, "conversation-text-only")

    page.reload()
    connection_is(page, "degraded-http")
    ask(page, "What is the code word?", "owl")
    expect(page.get_by_test_id("turn")).to_have_count(4)

    network.blocks = False
    tries = network.tries
    page.clock.fast_forward("01:01")
    connection_is(page, "ready")
    assert network.tries == tries + 1
    expect(page.get_by_test_id("mic-toggle")).to_be_enabled()
    expect(page.get_by_test_id("text-only")).to_be_hidden()
    ask(page, "Thank you, goodbye", "bye|welcome|day")
    expect(page.get_by_test_id("turn")).to_have_count(6)
    assert problems == []
