"""Stored times in the reader's own zone."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.static.stand_in import stand_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = {
    "2026-11-22": ["2026-11-22T23:30:00+00:00", "2026-11-22T12:00:00+00:00"],
    "2026-11-21": ["2026-11-21T23:50:00+00:00", "2026-11-21T00:10:00+00:00"],
}
READ = """[...document.querySelectorAll("[data-day]")].map((day) => [
    day.dataset.day, day.querySelector("h2").textContent.replace(",", ""),
    [...day.querySelectorAll("li time")].map((time) => time.textContent)])"""


def history_page() -> str:
    def day(date: str, times: list[str]) -> str:
        items = "".join(
            f'<li class="row"><time datetime="{at}" data-show="time"></time></li>' for at in times
        )
        head = f'<h2><time datetime="{date}" data-show="day"></time></h2>'
        return f'<section data-day="{date}">{head}<ol>{items}</ol></section>'

    days = "".join(day(date, times) for date, times in ROWS.items())
    length = (
        '<i id="short" data-duration-ms="134400"></i><i id="long" data-duration-ms="3725000"></i>'
    )
    script = '<script type="module" src="/static/js/times.js"></script>'
    return f"<!doctype html><meta charset=utf-8><div data-days>{days}</div>{length}{script}"


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        (
            "UTC",
            [
                ["2026-11-22", "Sunday 22 November 2026", ["23:30", "12:00"]],
                ["2026-11-21", "Saturday 21 November 2026", ["23:50", "00:10"]],
            ],
        ),
        (
            "Asia/Tokyo",
            [
                ["2026-11-23", "Monday 23 November 2026", ["08:30"]],
                ["2026-11-22", "Sunday 22 November 2026", ["21:00", "08:50"]],
                ["2026-11-21", "Saturday 21 November 2026", ["09:10"]],
            ],
        ),
        (
            "America/New_York",
            [
                ["2026-11-22", "Sunday 22 November 2026", ["18:30", "07:00"]],
                ["2026-11-21", "Saturday 21 November 2026", ["18:50"]],
                ["2026-11-20", "Friday 20 November 2026", ["19:10"]],
            ],
        ),
    ],
)
async def test_rows_stand_under_the_readers_days(
    browser: Browser, zone: str, days: list[object]
) -> None:
    async with stand_in() as site:
        site.pages["/history/"] = history_page()
        context = await browser.new_context(timezone_id=zone, locale="en-GB")
        page = await context.new_page()
        await page.goto(f"{site.url}/history/")
        assert await page.evaluate(READ) == days
        assert await page.text_content("#short") == "2:14"
        assert await page.text_content("#long") == "1:02:05"
        await context.close()
