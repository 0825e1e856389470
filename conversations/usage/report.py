"""Usage as people read it: a line for each day, agent, person or organisation.

All of it runs in the current scope. A line is made from rows of `UsageDay`, one for each day and
subject, so it costs the same however many conversations there were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, QuerySet, Sum

from conversations.models import Amounts, Conversation, UsageDay
from conversations.states import TokenKind
from conversations.usage.money import Money

Whose = UsageDay.Whose


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was used by one subject, or on one day: tokens by kind, ms and money."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    video_in: int = 0
    other_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    other_out: int = 0
    unpriced_tokens: int = 0
    cost_micros: int = 0
    talked_ms: int = 0
    currency: str = field(default="")

    @property
    def tokens(self) -> int:
        return sum(getattr(self, kind) for kind in TokenKind)

    @property
    def seen_in(self) -> int:
        """Tokens of images and video."""
        return self.image_in + self.video_in

    @property
    def minutes(self) -> float:
        return self.talked_ms / 60_000

    @property
    def cost(self) -> Money:
        return Money(self.cost_micros, self.currency, unpriced_tokens=self.unpriced_tokens)

    def __add__(self, other: Line) -> Line:
        return self._with(other, 1)

    def __sub__(self, other: Line) -> Line:
        return self._with(other, -1)

    def _with(self, other: Line, sign: int) -> Line:
        sums = {name: getattr(self, name) + sign * getattr(other, name) for name in SUMS}
        return Line(**sums, currency=self.currency or other.currency)


SUMS = tuple(each.name for each in fields(Line) if each.name != "currency")
# Under names of their own: a sum must not hide the column that another one is made of.
_SUMMED: dict[str, Any] = {f"sum_{name}": Sum(name) for name in SUMS}
_SUMMED["sum_currency"] = Max("currency")


def total_of(lines: Iterable[Line]) -> Line:
    return sum(lines, Line())


def by_day(first: date, last: date) -> dict[date, Line]:
    """The days with any usage, of the scope's tenant, or of all tenants together."""
    return _grouped(_rows(Whose.TENANT, first, last), "day")


def by_subject(whose: Whose, first: date, last: date, *, most: int) -> dict[UUID, Line]:
    """The `most` subjects that cost most, the dearest first."""
    rows = _rows(whose, first, last)
    # Two steps: a dozen sums of each of a tenant's many people would be thrown away.
    ranked = rows.values("subject").annotate(cost=Sum("cost_micros"), talked=Sum("talked_ms"))
    dearest = ranked.order_by("-cost", "-talked", "subject").values_list("subject", flat=True)
    subjects = list(dearest[:most])
    lines = _grouped(rows.filter(subject__in=subjects), "subject")
    return {subject: lines[subject] for subject in subjects}


def of_subjects(whose: Whose, first: date, last: date) -> Line:
    """What all agents, people or organisations used together."""
    return _line(_rows(whose, first, last).aggregate(**_SUMMED))


def of_conversation(conversation: Conversation) -> Line:
    """What one conversation has used so far."""
    return _line(conversation.usage.aggregate(**_SUMMED))


def first_day() -> date | None:
    """The first day with usage, of the scope's tenant or of all; None before the first one."""
    found: date | None = UsageDay.objects.filter(whose=Whose.TENANT).aggregate(first=Min("day"))[
        "first"
    ]
    return found


def _rows(whose: Whose, first: date, last: date) -> QuerySet[UsageDay]:
    rows: QuerySet[UsageDay] = UsageDay.objects.filter(
        whose=whose, day__gte=first, day__lte=last
    ).order_by()
    return rows


def _grouped(rows: QuerySet[UsageDay], name: str) -> dict[Any, Line]:
    return {row[name]: _line(row) for row in rows.values(name).annotate(**_SUMMED)}


def _line(sums: dict[str, Any]) -> Line:
    """Sums over no rows are None."""
    found = {name: sums[f"sum_{name}"] for name in (*SUMS, "currency")}
    return Line(**{name: value for name, value in found.items() if value is not None})


def amounts_of(row: Amounts) -> Line:
    return Line(**{each.name: getattr(row, each.name) for each in fields(Line)})
