"""Whether a request is made once more, and when. Pure.

Only what may be asked again without doing it twice is: each request carries the call's
Idempotency-Key, and these answers say that nothing was done, or leave it open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_TRIES = 3
PASSING = frozenset({429, 502, 503, 504})
PAUSES_S = (0.25, 1.0)
# What is left after a pause has to be enough for an answer.
LEAST_LEFT_S = 0.5


def pause_s(tries: int, left_s: float, retry_after: str, now: datetime) -> float | None:
    """How long to wait before the next try, in seconds; None if there is none.

    `tries` have been made, `left_s` is what is left of the time-out, `retry_after` the header of
    the last answer ("" without one).
    """
    if tries >= MOST_TRIES:
        return None
    asked = seconds_asked(retry_after, now)
    wait = PAUSES_S[tries - 1] if asked is None else asked
    return wait if wait + LEAST_LEFT_S <= left_s else None


def seconds_asked(retry_after: str, now: datetime) -> float | None:
    """What Retry-After says, as seconds or as a date; None for one that is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
