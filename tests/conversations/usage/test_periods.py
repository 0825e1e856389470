from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.usage.periods import day_of, forecast, month_of, start_of

HOUR = timedelta(hours=1)
LATEST = datetime(9999, 11, 30)  # noqa: DTZ001 - hypothesis adds the zone; the last month has no next


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("now", "first", "following"),
    [
        (at(2026, 11, 23, 12), at(2026, 11, 1), at(2026, 12, 1)),
        (at(2026, 12, 31, 23, 59, 59), at(2026, 12, 1), at(2027, 1, 1)),
        (at(2028, 2, 29), at(2028, 2, 1), at(2028, 3, 1)),
        (at(2027, 1, 1), at(2027, 1, 1), at(2027, 2, 1)),
        # Still December in UTC.
        (
            datetime(2027, 1, 1, 1, tzinfo=timezone(2 * HOUR)),
            at(2026, 12, 1),
            at(2027, 1, 1),
        ),
    ],
)
def test_a_month_is_that_of_utc(now: datetime, first: datetime, following: datetime) -> None:
    assert month_of(now) == (first, following)


@given(st.datetimes(max_value=LATEST, timezones=st.just(UTC)))
def test_months_leave_no_moment_out(now: datetime) -> None:
    first, following = month_of(now)
    assert first <= now < following
    assert month_of(following)[0] == following


def test_a_day_begins_at_midnight_utc() -> None:
    assert day_of(datetime(2026, 11, 23, 1, tzinfo=timezone(2 * HOUR))) == date(2026, 11, 22)
    assert start_of(date(2026, 11, 23)) == at(2026, 11, 23)


def test_a_month_goes_on_as_it_went() -> None:
    assert forecast(1000, at(2026, 11, 11)) == 3000, "ten days of thirty are over"
    assert forecast(0, at(2026, 11, 11)) == 0


def test_the_first_use_begins_the_reckoning() -> None:
    late = at(2026, 11, 21)
    assert forecast(1000, at(2026, 11, 26), since=late) == 2000, "five days, and five more"
    earlier = forecast(1000, at(2026, 11, 11), since=at(2026, 9, 1))
    assert earlier == 3000, "what was before the month counts in its own"


def test_the_first_hour_is_not_the_rate_of_the_month() -> None:
    minutes_old = at(2026, 11, 23, 0, 5)
    assert forecast(100, minutes_old, since=at(2026, 11, 23)) < 100 * 9
    assert forecast(100, at(2026, 11, 1)) == 100 * 31, "a day of it, and thirty more"


def test_at_the_end_nothing_is_added() -> None:
    assert forecast(100, at(2026, 12, 1) - timedelta(microseconds=1)) == 100


def test_a_first_use_that_is_yet_to_come_is_now() -> None:
    assert forecast(100, at(2026, 11, 29), since=at(2026, 11, 30)) == 300
