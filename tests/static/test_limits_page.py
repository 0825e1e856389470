"""What the page shows of limits: the quiet line, the reason of the end, a refusal."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from accounts.limits import LimitKind
from conversations import protocol as p
from conversations.states import EndReason
from tests.static.conftest import Visit
from tests.static.stand_in import PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def warn(
    visit: Visit, what: LimitKind, *, left_ms: int | None = None, percent: int | None = None
) -> None:
    await visit.site.event(p.LimitWarning, what=what, left_ms=left_ms, percent=percent)


async def test_the_end_that_is_known_counts_down(visit: Visit) -> None:
    await visit.start()
    await expect(visit.part("limit")).to_be_hidden()
    await warn(visit, LimitKind.LENGTH, left_ms=60_000)
    await expect(visit.part("limit")).to_have_attribute("data-state", "ending")
    await expect(visit.part("limit")).to_contain_text(
        re.compile(r"Ends in (01:00|00:5\d): the longest")
    )
    await expect(visit.part("limit-status")).to_have_text(re.compile("ends in (60|59) s"))
    await expect(visit.part("notice")).to_have_text(
        "This conversation ends in 60 s: the longest time is reached"
    )
    await expect(visit.part("stay")).to_be_hidden()
    await expect(visit.part("composer")).to_be_enabled()
    await warn(visit, LimitKind.LENGTH, left_ms=0)
    await expect(visit.part("limit")).to_have_attribute("data-state", "due")
    await visit.site.event(p.Ended, reason=EndReason.MAX_DURATION)
    await expect(visit.part("ended")).to_contain_text("The longest time was reached")
    await expect(visit.part("ended")).to_contain_text("Start again to go on talking")
    await expect(visit.part("limit")).to_be_hidden()


async def test_who_is_still_there_says_so(visit: Visit) -> None:
    await visit.start()
    await warn(visit, LimitKind.LENGTH, left_ms=290_000)
    await warn(visit, LimitKind.IDLE, left_ms=20_000)
    await expect(visit.part("limit")).to_have_attribute("data-what", "idle")  # it comes first
    await visit.part("stay").press("Enter")
    await visit.site.until(lambda: visit.site.sent("stay"))
    await warn(visit, LimitKind.IDLE)
    await expect(visit.part("limit")).to_have_attribute("data-what", "length")
    await warn(visit, LimitKind.LENGTH)
    await expect(visit.part("limit")).to_be_hidden()
    await expect(visit.part("notice")).to_have_count(1)  # the silence left no line


async def test_a_share_of_ones_own_minutes(visit: Visit) -> None:
    await visit.start()
    await warn(visit, LimitKind.DAY_MINUTES, percent=83)
    await expect(visit.part("limit")).to_have_text(
        re.compile("83 % of your minutes of today are used")
    )
    await expect(visit.part("limit")).to_have_attribute("data-state", "near")


async def test_a_reload_goes_on_counting(visit: Visit) -> None:
    await visit.start()
    await warn(visit, LimitKind.DAY_SPEND, left_ms=20_000)
    await visit.open(PAGE)
    await expect(visit.part("limit")).to_contain_text("the budget of today is used up")


@pytest.mark.parametrize(
    "reason", [EndReason.IDLE_LIMIT, EndReason.BUDGET_EXHAUSTED, EndReason.CAPACITY_FULL]
)
async def test_each_end_says_what_to_do(visit: Visit, reason: EndReason) -> None:
    await visit.start()
    await visit.site.event(p.Ended, reason=reason)
    await expect(visit.part("ended")).to_have_attribute("data-reason", reason)
    await expect(visit.part("ended")).to_contain_text("What was said is kept. Start again")


async def test_a_refusal_offers_to_try_again(visit: Visit) -> None:
    visit.site.refusal = (
        p.Error(
            code="too-many-conversations",
            message="You have as many conversations at once as allowed.",
            fix="End one of your other conversations, then start again.",
            fatal=True,
            retry_after_s=30,
        ),
        p.Close.LIMIT_REACHED,
    )
    await visit.open()
    await visit.part("start-typing").click()
    await visit.is_now("connection", "failed")
    await expect(visit.part("problem")).to_contain_text("End one of your other conversations")
    visit.site.refusal = None
    await visit.part("problem-action").click()
    await visit.site.until(lambda: visit.site.sent("start")[1:])
    await expect(visit.part("problem")).to_be_hidden()
