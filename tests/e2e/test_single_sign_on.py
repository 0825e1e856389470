"""Single sign-on from nothing to a session, in a real browser with a real provider."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.single_sign_on.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    running_provider,
)
from tests.e2e.conftest import Demo, keep, log_in

pytestmark = pytest.mark.timeout(180)


def test_an_owner_sets_it_up_and_a_newcomer_comes(
    demo: Demo, browse: Callable[[bytes], Browser]
) -> None:
    browser = browse(b"")
    user = demo.user("acme", "owner")
    domain = user["email"].partition("@")[2]
    owner = log_in(browser.new_context(), demo, user)
    problems: list[str] = []
    with running_provider() as idp:
        idp.asks = True
        try:
            save(owner, demo, idp, domain)
            expect_explained(owner, idp, user["email"])
            demo.manage("email_domain", "approve", domain, "--tenant", "acme")
            make_active(owner)
            newcomer = browser.new_context().new_page()
            newcomer.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
            come(newcomer, demo, idp, f"ida@{domain}")
        finally:
            turn_off(owner, demo)
        newcomer.goto(f"{demo.url}/account/")
        expect(newcomer.get_by_role("heading", name="Log in")).to_be_visible()
    assert problems == []


def save(owner: Page, demo: Demo, idp: Provider, domain: str) -> None:
    owner.goto(f"{demo.url}/members/")
    owner.get_by_role("link", name="Set up single sign-on").click()
    address = owner.get_by_test_id("redirect-uri").inner_text()
    idp.redirect_uris = [address]
    owner.get_by_label("Issuer").fill(idp.url)
    owner.get_by_label("Client id").fill(CLIENT_ID)
    owner.get_by_label("Client secret").fill(CLIENT_SECRET)
    owner.get_by_label("E-mail domains").fill(domain)
    owner.get_by_label(re.compile("joins at the first sign-in")).check()
    owner.get_by_role("button", name="Save as draft").click()
    expect(owner.get_by_text("waits for the operator").first).to_be_visible()
    keep(owner, "single-sign-on-draft")


def try_it(owner: Page) -> Page:
    """The second window, where the provider has let the tester in."""
    with owner.expect_popup() as opened:
        owner.get_by_role("button", name="Test with my account").click()
    window = opened.value
    window.get_by_role("link", name="It is me").click()
    return window


def expect_explained(owner: Page, idp: Provider, email: str) -> None:
    idp.person(email)
    window = try_it(owner)
    expect(window.get_by_role("alert")).to_contain_text("has not approved")
    keep(window, "single-sign-on-test-failed")
    window.close()
    owner.get_by_role("link", name="Show how it went").click()
    expect(owner.get_by_role("alert")).to_contain_text("has not approved")


def make_active(owner: Page) -> None:
    window = try_it(owner)
    expect(window.get_by_role("heading", name="It works, and is on")).to_be_visible()
    keep(window, "single-sign-on-test-good")
    window.close()
    owner.reload()
    expect(owner.get_by_role("button", name="Turn it off")).to_be_visible()


def come(page: Page, demo: Demo, idp: Provider, email: str) -> None:
    idp.person(email, name="Ida Holm")
    page.goto(f"{demo.url}/history/")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_label("E-mail").fill(email)
    keep(page, "single-sign-on-log-in")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="It is me").click()
    page.wait_for_url(f"{demo.url}/history/")
    expect(page.get_by_test_id("account-menu")).to_contain_text("Ida")


def turn_off(owner: Page, demo: Demo) -> None:
    owner.goto(f"{demo.url}/members/single-sign-on/")
    owner.get_by_role("button", name="Turn it off").click()
    expect(owner.get_by_text("Everybody logs in with a password")).to_be_visible()
