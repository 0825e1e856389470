"""How much may be used: what a limit can bound, and one set of limits. Pure.

Sets stand in JSON fields of their rows: the tenant's plan, which only operators set, its own
limits, those of each member, an exception of one membership, and an agent's. Which of them
count for a conversation is told by `conversations.quotas.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any


class LimitKind(StrEnum):
    """What can end a conversation by a limit."""

    SESSIONS = "sessions"  # conversations at the same time
    DAY_MINUTES = "day-minutes"
    MONTH_MINUTES = "month-minutes"
    DAY_SPEND = "day-spend"
    MONTH_SPEND = "month-spend"
    TOTAL_SPEND = "total-spend"  # of a token, as long as it lives
    LENGTH = "length"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One set; None means no limit. Days and months are those of UTC.

    `warn_percent`: from this share of a budget on, people are warned.
    """

    sessions: int | None = None
    day_minutes: int | None = None
    month_minutes: int | None = None
    day_spend_micros: int | None = None
    month_spend_micros: int | None = None
    total_spend_micros: int | None = None
    length_ms: int | None = None
    idle_ms: int | None = None
    messages_per_min: int | None = None
    message_chars: int | None = None
    warn_percent: int | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Limits:
        """Read a row's field. Names of another release are left out."""
        return cls(**{each.name: stored[each.name] for each in fields(cls) if each.name in stored})

    def to_json(self) -> dict[str, int]:
        """The limits that are set, as a row's field holds them."""
        return {name: value for name, value in self._pairs() if value is not None}

    def narrowed_by(self, other: Limits) -> Limits:
        """The smaller of each."""
        pairs = ((name, _smaller(value, getattr(other, name))) for name, value in self._pairs())
        return Limits(**dict(pairs))

    def over(self, default: Limits) -> Limits:
        """This set, with `default` where it says nothing."""
        return replace(default, **self.to_json())

    def _pairs(self) -> list[tuple[str, int | None]]:
        return [(each.name, getattr(self, each.name)) for each in fields(self)]


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
