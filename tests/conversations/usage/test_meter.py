"""Every ms with the upstream is counted once, whatever happens in between."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import live
from conversations.states import TokenKind
from conversations.usage.meter import STRETCH_MS, Meter
from conversations.usage.records import Account, UsageRecord

ACCOUNT = Account(uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), None, "gemini-3.8-live")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAY_MS = 86_400_000
SAID = live.Usage(prompt_tokens=3, prompt_details={"TEXT": 3})


def a_meter(began: datetime = NOON) -> Meter:
    return Meter(ACCOUNT, epoch=2, began=began)


def talked(records: list[UsageRecord]) -> list[int]:
    return [record.talked_ms for record in records]


def test_a_report_carries_its_tokens_and_the_time_since_the_last() -> None:
    meter = a_meter()
    meter.connected(1.0)
    meter.report(SAID, 3.5)
    meter.report(SAID, 4.0)
    first, second = meter.take(4.2)
    assert (first.talked_ms, second.talked_ms) == (2500, 500)
    assert first.tokens == second.tokens == {TokenKind.TEXT_IN: 3}
    assert (first.account, first.epoch, first.day) == (ACCOUNT, 2, date(2026, 11, 23))
    assert (first.number, second.number) == (1, 2)
    assert first.id != second.id


def test_silence_is_noted_in_stretches() -> None:
    meter = a_meter()
    meter.connected(0)
    assert meter.take(STRETCH_MS / 1000 - 0.1) == []
    assert talked(meter.take(STRETCH_MS / 1000 + 0.4)) == [STRETCH_MS + 400]


def test_what_lies_between_two_connections_is_not_counted() -> None:
    meter = a_meter()
    assert meter.take(100) == [], "nobody answers yet"
    meter.connected(100)
    meter.left(101)  # it rotates
    meter.left(102)
    meter.connected(103)
    meter.connected(104)
    meter.left(105)
    assert talked(meter.take(500)) == [1000, 2000]


def test_a_report_without_a_connection_has_no_time() -> None:
    meter = a_meter()
    meter.report(SAID, 7)
    assert talked(meter.take(8)) == [0]


def test_what_was_not_written_is_given_again_as_it_was() -> None:
    meter = a_meter()
    meter.connected(0)
    meter.report(SAID, 1)
    taken = meter.take(1)
    meter.report(SAID, 2)
    meter.put_back(taken)
    again = meter.take(2)
    assert again[:1] == taken
    assert [record.number for record in again] == [1, 2]


def test_each_day_has_its_own_time() -> None:
    meter = a_meter(datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC))
    meter.connected(0.5)
    meter.report(SAID, 5)
    old, new = meter.take(5)
    assert (old.day, old.talked_ms, old.tokens) == (date(2026, 12, 31), 1500, {})
    assert (new.day, new.talked_ms) == (date(2027, 1, 1), 3000)
    assert new.tokens, "tokens are of the day on which they are told"


def test_midnight_itself_begins_a_day() -> None:
    meter = a_meter(datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    meter.connected(0)
    meter.left(60)
    (only,) = meter.take(60)
    assert (only.day, only.talked_ms) == (date(2026, 11, 22), 60_000)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("late_us", [1, 433, 567, 999])
def test_a_conversation_may_begin_between_two_milliseconds(late_us: int) -> None:
    meter = a_meter(datetime(2026, 11, 22, 23, 59, 59, late_us, tzinfo=UTC))
    meter.connected(0)
    meter.left(2)
    old, new = meter.take(2)
    assert (old.day, new.day) == (date(2026, 11, 22), date(2026, 11, 23))
    assert (old.talked_ms, new.talked_ms) == (1000, 1000)


def test_days_without_a_store_are_told_apart_too() -> None:
    meter = a_meter(datetime(2026, 11, 22, 23, tzinfo=UTC))
    meter.connected(0)
    hours = [record.talked_ms / 3_600_000 for record in meter.take(50 * 3600)]
    assert hours == [1, 24, 24, 1]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["connected", "left", "report", "take", "lose"]),
        st.sampled_from([0, 700, 14_999, 61_000, 40_000_000]),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 86_399_999))
def test_the_whole_is_the_time_with_a_connection(
    steps: list[tuple[str, int]], began_ms: int
) -> None:
    meter = a_meter(MIDNIGHT + timedelta(milliseconds=began_ms))
    now = 0
    since: int | None = None
    with_upstream: list[tuple[int, int]] = []
    written: list[UsageRecord] = []
    for step, wait_ms in [*steps, ("left", 1000), ("take", 0)]:
        now += wait_ms
        at_s = now / 1000
        match step:
            case "connected":
                meter.connected(at_s)
                since = now if since is None else since
            case "left":
                meter.left(at_s)
                with_upstream += [] if since is None else [(since, now)]
                since = None
            case "report":
                meter.report(SAID, at_s)
            case "take":
                written += meter.take(at_s)
            case "lose":
                meter.put_back(meter.take(at_s))
    assert [record.number for record in written] == list(range(1, len(written) + 1))
    counted: Counter[date] = Counter()
    for record in written:
        counted[record.day] += record.talked_ms
    assert +counted == of_days(with_upstream, began_ms)


def of_days(pieces: list[tuple[int, int]], began_ms: int) -> Counter[date]:
    """How much of the pieces lies in each day, reckoned day by day."""
    days: Counter[date] = Counter()
    for number in range(60):
        begins, ends = number * DAY_MS - began_ms, (number + 1) * DAY_MS - began_ms
        inside = sum(max(0, min(ends, to) - max(begins, since)) for since, to in pieces)
        days[(MIDNIGHT + timedelta(days=number)).date()] = inside
    return +days
