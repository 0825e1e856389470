"""Joining by invitation, protecting the account, and signing in again, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Demo, keep, log_in

pytestmark = pytest.mark.timeout(180)

EMAIL = "nora@acme.example"
PASSWORD = "a quiet room with a view"


def test_from_an_invitation_to_a_passkey(demo: Demo, browse: Callable[[bytes], Browser]) -> None:
    browser = browse(b"")
    owner = log_in(browser.new_context(), demo, demo.user("acme", "owner"))
    page = browser.new_context().new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)

    join(page, demo, invite(owner, demo))
    recovery_code = set_up_app(page, demo)
    expect_protected(owner, demo)
    add_passkey(page, demo)
    log_out(page)
    log_in_with_passkey(page, demo)
    log_out(page)
    log_in_with_code(page, demo, recovery_code)
    lose_the_membership(page, owner, demo)
    assert problems == []


def invite(owner: Page, demo: Demo) -> str:
    owner.get_by_text("Acme", exact=False).first.click()
    owner.get_by_role("link", name="Members").click()
    owner.get_by_label("E-mail").fill(EMAIL)
    owner.get_by_label("Role", exact=True).select_option("developer")
    owner.get_by_role("button", name="Invite").click()
    link = owner.get_by_test_id("link").inner_text()
    assert link.startswith(f"{demo.url}/invitation/?key=")
    return link


def join(page: Page, demo: Demo, link: str) -> None:
    page.goto(link)
    assert "key=" not in page.url
    page.get_by_label("Your name").fill("Nora Lind")
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    page.wait_for_url(f"{demo.url}/")
    expect(page.get_by_test_id("agent").first).to_be_visible()


def set_up_app(page: Page, demo: Demo) -> str:
    """Turn the authenticator app on; a recovery code."""
    page.get_by_test_id("account-menu").locator("summary").click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Set up the second factor").click()
    page.get_by_role("link", name="Set up the authenticator app").click()
    secret = page.get_by_test_id("totp-key").inner_text()
    keep(page, "authenticator-app")
    counter = next(yield_hotp_counters_from_time())
    page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, counter)))
    page.get_by_role("button", name="Turn it on").click()
    codes = page.get_by_test_id("recovery-codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    page.get_by_role("link", name="I have stored them").click()
    return code


def expect_protected(owner: Page, demo: Demo) -> None:
    owner.goto(f"{demo.url}/members/")
    row = owner.locator(f'[data-email="{EMAIL}"]')
    expect(row.get_by_text("Second factor")).to_be_visible()


def add_passkey(page: Page, demo: Demo) -> None:
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{demo.url}/account/passkeys/add/")
    page.get_by_label("Name").fill("my phone")
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(f"{demo.url}/account/second-factor/")
    expect(page.get_by_text("1 passkey", exact=True)).to_be_visible()
    page.goto(f"{demo.url}/account/passkeys/")
    expect(page.get_by_text("Logs you in alone")).to_be_visible()


def log_out(page: Page) -> None:
    page.get_by_test_id("account-menu").locator("summary").click()
    page.get_by_test_id("log-out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def log_in_with_passkey(page: Page, demo: Demo) -> None:
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{demo.url}/")


def log_in_with_code(page: Page, demo: Demo, code: str) -> None:
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    keep(page, "second-factor")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(f"{demo.url}/")


def lose_the_membership(page: Page, owner: Page, demo: Demo) -> None:
    """The owner disables this member, whose next step leads nowhere."""
    page.goto(f"{demo.url}/account/sessions/")
    expect(page.get_by_test_id("sessions").get_by_text("this browser")).to_have_count(1)
    keep(page, "sessions")
    owner.get_by_role("button", name=re.compile(f"Disable {EMAIL}")).click()
    owner.get_by_label(f"To go on, type {EMAIL}").fill(EMAIL)
    owner.get_by_role("button", name="Yes, do it").click()
    expect(owner.locator(f'[data-email="{EMAIL}"]').get_by_text("Disabled")).to_be_visible()
    assert page.request.get(f"{demo.url}/").status == 403
