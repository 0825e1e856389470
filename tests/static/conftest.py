"""Chromium for the tests of the page, one for a module; a page and its server for a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    async_playwright,
    expect,
)

from tests.static.modules import Modules
from tests.static.stand_in import API, NEW_PAGE, PATIENCE_S, StandIn, stand_in

FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
# Chromium says so by itself whenever a socket does not open: the tests cut them on purpose.
EXPECTED_COMPLAINTS = ("WebSocket connection to", "AudioContext was not allowed to start")


class Visit:
    """A person's page, and the server it talks to."""

    def __init__(self, page: Page, site: StandIn) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        is_expected = message.text.startswith(EXPECTED_COMPLAINTS) or (
            API in message.location["url"]  # the way without a socket, where there is none either
        )
        if message.type in {"error", "warning"} and not is_expected:
            self.complaints.append(message.text)

    async def open(self, path: str = NEW_PAGE) -> None:
        await self.page.goto(self.site.url + path)

    async def start(self) -> None:
        """Begin a conversation by keyboard; the agent listens."""
        await self.open()
        await self.part("start-typing").click()
        await self.is_now("connection", "connecting")
        await self.site.until(lambda: self.site.sockets)
        await self.site.go_live()
        await self.is_now("connection", "ready")

    async def type(self, text: str) -> None:
        await self.part("composer").fill(text)
        await self.part("composer").press("Enter")

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def is_now(self, name: str, state: str) -> None:
        """Wait until a part of the page says this state."""
        await expect(self.part(name)).to_have_attribute("data-state", state)

    async def wait_for(self, expression: str) -> None:
        """Wait until it is true. (Playwright's own way needs `eval`, which the page forbids.)"""
        look = f"() => ({expression}) ? done() : setTimeout(look, 20)"
        script = f"() => new Promise((done) => {{ const look = {look}; look(); }})"
        await asyncio.wait_for(self.page.evaluate(script), PATIENCE_S)

    async def texts(self) -> list[str]:
        return await self.part("turn-text").all_text_contents()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[StandIn]:
    async with stand_in() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1000, "height": 720})
    context.set_default_timeout(PATIENCE_S * 1000)
    expect.set_options(timeout=PATIENCE_S * 1000)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(context: BrowserContext, site: StandIn) -> AsyncIterator[Visit]:
    """A fresh tab at a server that knows nothing; the browser may not have complained."""
    site.reset()
    visit = Visit(await context.new_page(), site)
    yield visit
    await visit.page.close()
    assert visit.complaints == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def js(browser: Browser, site: StandIn) -> AsyncIterator[Modules]:
    site.pages["/empty/"] = "<!doctype html><title>empty</title>"
    page = await browser.new_page()
    await page.goto(f"{site.url}/empty/")
    yield Modules(page)
    await page.close()
