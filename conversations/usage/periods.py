"""Days and months of usage, which are those of UTC, and where a month's spend is going. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAY = timedelta(days=1)


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def start_of(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """The first moment of the month that `now` is in, and that of the next one."""
    first = day_of(now).replace(day=1)
    return start_of(first), start_of((first + 32 * DAY).replace(day=1))


def forecast(spent: int, now: datetime, *, since: datetime | None = None) -> int:
    """What a month that has cost `spent` so far will have cost at its end, in the same units.

    It goes on as it went since the month's beginning, or since the first use (`since`) if that
    was later. Less than a day counts as a day: the first conversation says nothing of an hour's
    rate.
    """
    first, following = month_of(now)
    began = first if since is None else min(max(first, since), now)
    gone = max(now - began, DAY)
    return spent + int(spent * (following - now) / gone)
