"""When a delivery that failed is tried again: ten tries over three days. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

# The pauses after the first try, the second one, and so on: those of the Standard Webhooks
# specification. All of them together are 75.6 hours.
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MOST_TRIES: Final = len(PAUSES) + 1
# So much longer a pause may be, so that what failed together does not come back together.
JITTER: Final = 0.2
# A receiver that asks for more is asked once a day all the same.
LONGEST_ASKED: Final = timedelta(days=1)


def retry_at(
    tries: int, now: datetime, chance: float, asked_s: float | None = None
) -> datetime | None:
    """When to try again after `tries` have failed; None if that was the last one.

    `chance` is a random number, 0 to 1. `asked_s` is the answer's Retry-After, in seconds.
    """
    if tries > len(PAUSES):
        return None
    pause = PAUSES[tries - 1] * (1 + JITTER * chance)
    asked = min(timedelta(seconds=asked_s or 0), LONGEST_ASKED)
    return now + max(pause, asked)
