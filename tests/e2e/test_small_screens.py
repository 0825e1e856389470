"""Every page fits a phone: nothing has to be pushed sideways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import Demo, log_in, said

pytestmark = pytest.mark.timeout(180)

PHONE_PX = 360
PAGES = (
    *("/", "/history/", "/review/", "/members/", "/organisation/"),
    *("/account/", "/account/sessions/", "/account/password/", "/account/second-factor/"),
    *("/admin/", "/admin/conversations/agent/", "/admin/conversations/conversation/"),
    *("/admin/conversations/webhookendpoint/add/", "/admin/conversations/exportschedule/add/"),
    *("/admin/conversations/erasure/", "/admin/conversations/erasure/policy/"),
    "/admin/accounts/apikey/add/",
)
WIDTH = "document.documentElement.scrollWidth"


def test_nothing_is_wider_than_a_phone(demo: Demo, browse: Callable[[bytes], Browser]) -> None:
    context = browse(said(0.1)).new_context(viewport={"width": PHONE_PX, "height": 740})
    page = log_in(context, demo, demo.user("acme", "owner"))
    page.goto(f"{demo.url}/review/")
    page.get_by_test_id("conversation-row").first.get_by_role("link").click()
    reviewed = page.url.removeprefix(demo.url)
    widths = {}
    for address in (*PAGES, reviewed):
        answer = page.goto(demo.url + address)
        assert answer is not None
        assert answer.status == 200, address
        widths[address] = page.evaluate(WIDTH)
    assert {address: px for address, px in widths.items() if px > PHONE_PX} == {}
