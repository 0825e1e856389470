"""The meter of one hosted conversation: what it uses, until it is written down. Pure.

The time that counts is that with the upstream: from its answer to the setup until the connection
is left or lost. While a connection is replaced, and while the conversation is paused or waits for
a host, nothing is counted.

Times are seconds since the conversation began, by the host's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import live
from accounts.ids import uuid7
from conversations.usage.periods import DAY, day_of, start_of
from conversations.usage.records import Account, Tokens, UsageRecord, tokens_of

# Time is noted with each report, and this often while the upstream reports nothing: a worker that
# is killed loses no more than that of its count.
STRETCH_MS: Final = 15_000
_NO_TOKENS: Final[Tokens] = {}


class Meter:
    """One epoch of one conversation, which began at `began`."""

    def __init__(self, account: Account, *, epoch: int, began: datetime) -> None:
        self._account = account
        self._epoch = epoch
        self._began = began
        self._number = 0
        self._since_ms: int | None = None
        self._records: list[UsageRecord] = []

    def connected(self, at_s: float) -> None:
        """The upstream answers from now on."""
        if self._since_ms is None:
            self._since_ms = _ms(at_s)

    def left(self, at_s: float) -> None:
        """The connection was left or lost."""
        self._cut(_ms(at_s), _NO_TOKENS)
        self._since_ms = None

    def report(self, usage: live.Usage, at_s: float) -> None:
        """The upstream told what it bills."""
        self._cut(_ms(at_s), tokens_of(usage))

    def take(self, at_s: float) -> list[UsageRecord]:
        """Hand over what is not written down."""
        ms = _ms(at_s)
        if self._since_ms is not None and ms - self._since_ms >= STRETCH_MS:
            self._cut(ms, _NO_TOKENS)
        records, self._records = self._records, []
        return records

    def put_back(self, records: Sequence[UsageRecord]) -> None:
        """It was not written down: `take` gives it again."""
        self._records = [*records, *self._records]

    def _cut(self, ms: int, tokens: Tokens) -> None:
        """Note `tokens`, and the time since the last cut, each day's by itself."""
        if self._since_ms is None:
            self._note(self._day(ms), 0, tokens)
            return
        while (day := self._day(self._since_ms)) < self._day(ms):
            # Rounded up: a millisecond that begins before midnight would never end this.
            midnight_ms = -((self._began - start_of(day + DAY)) // timedelta(milliseconds=1))
            self._note(day, midnight_ms - self._since_ms, _NO_TOKENS)
            self._since_ms = midnight_ms
        self._note(self._day(ms), ms - self._since_ms, tokens)
        self._since_ms = ms

    def _note(self, day: date, talked_ms: int, tokens: Tokens) -> None:
        if not talked_ms and not tokens:
            return
        self._number += 1
        self._records.append(
            UsageRecord(
                id=uuid7(),
                account=self._account,
                epoch=self._epoch,
                number=self._number,
                day=day,
                talked_ms=talked_ms,
                tokens=tokens,
            )
        )

    def _day(self, ms: int) -> date:
        return day_of(self._began + timedelta(milliseconds=ms))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
