"""A person shows something to the agent: Chromium's fake camera, and a model that got it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Demo, keep, log_in, said

pytestmark = [pytest.mark.timeout(120), pytest.mark.full]

PATIENCE_MS = 30_000


def test_what_the_camera_sees_reaches_the_model(
    demo: Demo, browse: Callable[[bytes], Browser]
) -> None:
    context = browse(said(1.0)).new_context(permissions=["camera"])
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    problems: list[str] = []
    page = log_in(context, demo, demo.user("acme", "member"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.get_by_role("link", name="Talk to Shop assistant").click()

    page.get_by_test_id("camera-toggle").click()
    sent = page.get_by_test_id("look-sent")
    expect(sent).to_contain_text("1 picture a second")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "ready")
    width, height = re.findall(r"\d+", sent.inner_text())[:2]
    assert max(int(width), int(height)) == 768

    answer = page.get_by_test_id("turn").filter(has_text=f"{width} by {height} pixels")
    for _ in range(10):  # until the first picture has come: it is a second behind at most
        if answer.count():
            break
        page.get_by_test_id("composer").fill("What do you see?")
        page.get_by_test_id("composer").press("Enter")
        last = page.locator('[data-testid="turn"][data-speaker="agent"]').last
        expect(last).to_contain_text("picture")
        expect(last).to_have_attribute("data-state", "final")
    expect(answer.first).to_be_visible()
    keep(page, "camera")
    page.get_by_test_id("look-off").click()
    expect(page.get_by_test_id("look")).to_be_hidden()
    assert problems == []
