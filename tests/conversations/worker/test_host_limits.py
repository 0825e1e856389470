"""A host's own clock: ends by length and idle time, and what the viewers see of them."""

from __future__ import annotations

import live
from accounts.limits import LimitKind
from conversations import protocol as p
from conversations.quotas.rules import Bounds
from conversations.quotas.timekeeper import Standing
from conversations.states import EndReason
from tests.conversations.worker.test_host import SECOND, Studio, studio_of


async def test_an_end_waits_for_the_pause_and_an_idle_time_for_silence() -> None:
    async with studio_of() as studio:
        await end_at_a_pause(studio)


async def end_at_a_pause(studio: Studio) -> None:
    host = studio.host
    page, _ = await studio.page()
    host.know_limits(Standing(Bounds(length_ms=120_000, idle_ms=60_000)))
    studio.now += 30
    host.hear([live.Audio(SECOND, 24_000)])
    studio.now += 89
    assert host.mind_limits() is None  # the agent speaks: nobody is idle
    studio.now += 3
    assert host.mind_limits() is None  # the time is over, but no word is cut
    await page.until(lambda: page.picture.warnings)
    assert [each.what for each in page.picture.warnings] == [LimitKind.LENGTH]
    studio.now += 18
    host.hear([live.TurnComplete()])
    assert host.mind_limits() == EndReason.MAX_DURATION


async def test_the_snapshot_knows_the_warnings_and_the_clock() -> None:
    async with studio_of() as studio:
        await look_at_a_warning(studio)


async def look_at_a_warning(studio: Studio) -> None:
    studio.now += 45
    studio.host.know_limits(Standing(Bounds(length_ms=60_000)))
    assert studio.host.mind_limits() is None
    page, _ = await studio.page()
    [warning] = page.picture.warnings
    assert (warning.what, warning.end_ms) == (LimitKind.LENGTH, 65_000)
    [snapshot] = [each for each in page.messages if isinstance(each, p.Snapshot)]
    assert snapshot.ms == 45_000
