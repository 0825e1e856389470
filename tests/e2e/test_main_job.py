"""The main job, as a person does it: talk, interrupt, type, reload, and find it all again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from difflib import SequenceMatcher

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Demo, keep, log_in, said

pytestmark = pytest.mark.timeout(180)

SLOW_MS = 30_000
# The browser's noise suppression may swallow the first sounds it ever hears: "please" is for it.
MICROPHONE = said(2.0, "Please tell me a long story", 9.0, "Stop, thank you", 60.0)


def turns_of(page: Page) -> list[tuple[str, str]]:
    """(speaker, words) of every turn that the page shows."""
    rows = page.get_by_test_id("turn").all()
    return [
        (
            row.get_attribute("data-speaker") or "",
            row.get_by_test_id("turn-text").inner_text().strip(),
        )
        for row in rows
    ]


def is_nearly(heard: str, said: str) -> bool:
    """On a busy machine the browser's fake microphone loses some milliseconds, or repeats them."""
    return SequenceMatcher(None, heard.strip().lower(), said.lower()).ratio() > 0.7


def by(page: Page, speaker: str, state: str) -> str:
    return f'[data-testid="turn"][data-speaker="{speaker}"][data-state="{state}"]'


def heard_ms(page: Page) -> float:
    heard: float = page.evaluate("window.parley.playedMs")
    return heard


def wait_until_heard(page: Page, ms: float) -> None:
    """Wait until `ms` of agent audio were played. (`wait_for_function` needs unsafe-eval.)"""
    deadline = time.monotonic() + SLOW_MS / 1000
    while heard_ms(page) < ms:
        assert time.monotonic() < deadline, f"only {heard_ms(page)} ms were played"
        page.wait_for_timeout(50)


def test_a_person_talks_and_everybody_who_may_finds_it(
    demo: Demo, browse: Callable[[bytes], Browser]
) -> None:
    browser = browse(MICROPHONE)
    context = browser.new_context(permissions=["microphone"])
    problems: list[str] = []
    page = log_in(context, demo, demo.user("acme", "member"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)

    page.get_by_role("link", name="Talk to Shop assistant").click()
    page.get_by_test_id("start-talking").click()
    talk_by_voice(page)
    type_a_question(page)
    reload_and_go_on(page)

    page.get_by_test_id("end").click()
    if page.get_by_test_id("end-dialog").is_visible():
        page.get_by_test_id("end-confirm").click()
    expect(page.get_by_test_id("ended")).to_be_visible(timeout=SLOW_MS)
    shown = turns_of(page)
    conversation = re.search(r"/c/([0-9a-f-]{36})/", page.url)
    assert conversation is not None
    assert problems == []

    assert in_history(page, demo) == shown
    reviewer = log_in(browser.new_context(), demo, demo.user("acme", "reviewer"))
    assert in_review(reviewer, demo, conversation[1]) == shown
    assert over_the_api(demo, conversation[1]) == shown


def talk_by_voice(page: Page) -> None:
    story = page.locator(by(page, "agent", "interrupted"))
    expect(page.get_by_test_id("agent-state")).to_have_attribute(
        "data-state", "speaking", timeout=SLOW_MS
    )
    expect(page.get_by_test_id("caption-user")).to_contain_text("story", ignore_case=True)
    expect(page.get_by_test_id("caption-agent")).to_contain_text(re.compile(r"\w{3}"))
    wait_until_heard(page, 1000)
    keep(page, "conversation-speaking")
    expect(story).to_be_visible(timeout=SLOW_MS)
    keep(page, "conversation-interrupted")
    words = page.locator(by(page, "user", "final")).first.get_by_test_id("turn-text")
    expect(words).to_contain_text("story", ignore_case=True)
    assert is_nearly(words.inner_text(), "Please tell me a long story")


def type_a_question(page: Page) -> None:
    answered = page.locator(by(page, "agent", "final")).count()
    before = heard_ms(page)
    page.get_by_test_id("composer").fill("How much do the trail shoes cost?")
    page.get_by_test_id("composer").press("Enter")
    mine = page.locator('[data-testid="turn"][data-delivery="saved"]').last
    expect(mine).to_contain_text("trail shoes", timeout=SLOW_MS)
    expect(page.locator(by(page, "agent", "final"))).not_to_have_count(answered, timeout=SLOW_MS)
    wait_until_heard(page, before + 200)


def reload_and_go_on(page: Page) -> None:
    before = turns_of(page)
    page.reload()
    expect(page.get_by_test_id("connection")).to_have_attribute(
        "data-state", "ready", timeout=SLOW_MS
    )
    expect(page.get_by_test_id("turn")).to_have_count(len(before), timeout=SLOW_MS)
    assert turns_of(page) == before
    page.get_by_test_id("composer").fill("Thank you, goodbye")
    page.get_by_test_id("composer").press("Enter")
    expect(page.locator(by(page, "agent", "final")).last).to_contain_text(
        re.compile("bye|welcome|day", re.IGNORECASE), timeout=SLOW_MS
    )
    keep(page, "conversation-after-reload")


def in_history(page: Page, demo: Demo) -> list[tuple[str, str]]:
    page.goto(f"{demo.url}/history/")
    keep(page, "history")
    page.get_by_test_id("conversation-row").first.get_by_role("link").click()
    expect(page.get_by_test_id("record")).to_be_visible()
    keep(page, "transcript")
    return turns_of(page)


def in_review(page: Page, demo: Demo, conversation: str) -> list[tuple[str, str]]:
    page.goto(f"{demo.url}/review/")
    keep(page, "review")
    page.locator(f'a[href*="{conversation}"]').first.click()
    expect(page.get_by_test_id("record")).to_be_visible()
    return turns_of(page)


def over_the_api(demo: Demo, conversation: str) -> list[tuple[str, str]]:
    answer = requests.get(
        f"{demo.url}/api/v1/conversations/{conversation}/turns/",
        headers={"Authorization": f"Bearer {demo.key('acme')}"},
        timeout=10,
    )
    assert answer.status_code == 200
    return [(turn["speaker"], turn["text"].strip()) for turn in answer.json()["results"]]


@pytest.mark.parametrize("role", ["owner", "reviewer"])
def test_the_other_tenant_finds_nothing(
    demo: Demo, browse: Callable[[bytes], Browser], role: str
) -> None:
    headers = {"Authorization": f"Bearer {demo.key('acme')}"}
    listed = requests.get(f"{demo.url}/api/v1/conversations/", headers=headers, timeout=10).json()
    conversation = listed["results"][0]["id"]
    page = log_in(browse(said(1.0)).new_context(), demo, demo.user("globex", role))
    for path in (f"/c/{conversation}/", f"/review/{conversation}/"):
        answer = page.goto(f"{demo.url}{path}")
        assert answer is not None
        assert answer.status == 404
    stranger = {"Authorization": f"Bearer {demo.key('globex')}"}
    for path in (f"/{conversation}/", f"/{conversation}/turns/"):
        url = f"{demo.url}/api/v1/conversations{path}"
        assert requests.get(url, headers=stranger, timeout=10).status_code == 404
