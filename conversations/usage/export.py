"""Usage as CSV: a line for each day and subject, a page in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.spreadsheets import Lines, as_text
from conversations.models import UsageDay
from conversations.states import TokenKind
from conversations.usage.money import decimal
from conversations.usage.report import Line, amounts_of

PAGE = 1000
COLUMNS = (
    "day",
    "id",
    "name",
    "minutes",
    *(f"{kind}_tokens" for kind in TokenKind),
    "unpriced_tokens",
    "cost",
    "currency",
)

Names = Callable[[Collection[UUID]], dict[UUID, str]]
# Enters the scope that the export was asked for in: it is read while it is sent, outside.
Enter = Callable[[], AbstractContextManager[Any]]


def csv_lines(
    whose: UsageDay.Whose, first: date, last: date, *, names: Names, enter: Enter
) -> Iterator[str]:
    """The lines of the days from `first` to `last`, with a heading. `names` says what the
    subjects are called; one that it does not know has left."""
    lines = Lines()
    yield lines.line_of(COLUMNS)
    for row, name in _rows(whose, first, last, names, enter):
        yield lines.line_of(_cells(row, name))


def _rows(
    whose: UsageDay.Whose, first: date, last: date, names: Names, enter: Enter
) -> Iterator[tuple[UsageDay, str]]:
    after = Q()
    while True:
        with enter():
            rows = UsageDay.objects.filter(after, whose=whose, day__gte=first, day__lte=last)
            page = list(rows.order_by("day", "tenant_id", "subject")[:PAGE])
            called = names({row.subject for row in page})
        for row in page:
            yield row, called.get(row.subject, "")
        if len(page) < PAGE:
            return
        after = _after(page[-1])


def _after(row: UsageDay) -> Q:
    same_day = Q(day=row.day)
    return (
        Q(day__gt=row.day)
        | same_day & Q(tenant__gt=row.tenant_id)
        | same_day & Q(tenant=row.tenant_id, subject__gt=row.subject)
    )


def _cells(row: UsageDay, name: str) -> list[object]:
    line: Line = amounts_of(row)
    return [
        row.day.isoformat(),
        row.subject,
        as_text(name),
        f"{line.minutes:.3f}",
        *(getattr(line, kind) for kind in TokenKind),
        line.unpriced_tokens,
        # Empty, not 0, where nothing is known of it.
        "" if line.cost.is_unknown else decimal(line.cost_micros, 6).replace(",", ""),
        line.currency,
    ]
