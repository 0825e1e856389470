"""A new organisation from nothing to its first conversation, by somebody who reads the screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Demo, keep, log_in

pytestmark = pytest.mark.timeout(180)

SLOW_MS = 30_000
EMAIL = "ines@initech.example"
PASSWORD = "a lamp beside the window"


def test_from_an_invitation_to_a_first_conversation(
    demo: Demo, browse: Callable[[bytes], Browser]
) -> None:
    browser = browse(b"")
    operator = log_in(browser.new_context(), demo, demo.access["operator"], to="/admin/")
    link = add_organisation(operator)
    page = browser.new_context().new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)

    join(page, link)
    add_credential(page, Path(demo.access["simulator"]["key_file"]))
    make_agent(page)
    talk(page)
    expect_all_done(page)
    assert problems == []


def add_organisation(operator: Page) -> str:
    """The link by which its first owner joins."""
    operator.get_by_role("link", name="Organisation").first.click()
    operator.get_by_role("link", name="Add tenant").click()
    operator.get_by_label("Name").fill("Initech")
    operator.get_by_label("Slug").fill("initech")
    operator.get_by_label("first owner's e-mail").fill(EMAIL)
    operator.get_by_role("button", name="Save", exact=True).click()
    keep(operator, "new-tenant-invited")
    return operator.get_by_test_id("link").inner_text()


def join(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill("Ines Berg")
    page.get_by_label("Choose a password").fill(PASSWORD)
    keep(page, "new-tenant-join")
    page.get_by_role("button", name="Join").click()
    keep(page, "new-tenant-lobby")
    page.get_by_role("link", name="Set up").click()
    expect(page.get_by_test_id("checklist")).to_be_visible()
    keep(page, "new-tenant-home")


def add_credential(page: Page, key_file: Path) -> None:
    page.get_by_role("link", name="Add a credential").click()
    page.get_by_label("Name").fill("Our project")
    page.get_by_label("Key file or API key").fill(key_file.read_text())
    page.get_by_role("button", name="Verify what I entered").click()
    expect(page.get_by_text("It works")).to_be_visible(timeout=SLOW_MS)
    keep(page, "new-tenant-credential")
    page.get_by_role("button", name="Save", exact=True).click()
    home(page)


def make_agent(page: Page) -> None:
    page.get_by_role("link", name="Make an agent").click()
    page.get_by_label("Name").press_sequentially("Front desk")
    expect(page.get_by_label("Slug")).to_have_value("front-desk")
    keep(page, "new-tenant-agent")
    page.get_by_role("button", name="Save", exact=True).click()
    home(page)


def home(page: Page) -> None:
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_test_id("checklist")).to_be_visible()


def talk(page: Page) -> None:
    page.get_by_role("link", name="Make a test call").click()
    page.get_by_role("link", name="Talk to Front desk").click()
    page.get_by_test_id("composer").fill("Hello")
    page.get_by_role("button", name="Send").click()
    answer = page.locator('[data-testid="turn"][data-speaker="agent"][data-state="final"]')
    expect(answer).to_have_count(1, timeout=SLOW_MS)
    keep(page, "new-tenant-talk")


def expect_all_done(page: Page) -> None:
    page.goto(re.sub(r"/c/.*", "/admin/", page.url))
    for step in ("Add a credential", "Make an agent", "Make a test call"):
        row = page.get_by_test_id("checklist").locator("li", has_text=step)
        expect(row).to_have_attribute("data-done", "yes")
