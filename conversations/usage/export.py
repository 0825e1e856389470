"""Usage as CSV: a line for each day and subject, a page in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import date
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.http import StreamingHttpResponse

from accounts.models import Tenant, User
from accounts.spreadsheets import Lines, as_text
from conversations.models import Agent, UsageDay
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

Whose = UsageDay.Whose
# What a download may be made by, and whose rows it then has.
BY = {"day": Whose.TENANT, "agent": Whose.AGENT, "user": Whose.USER, "tenant": Whose.TENANT}

Names = Callable[[Collection[UUID]], dict[UUID, str]]
# Enters the scope that the export was asked for in: it is read while it is sent, outside.
Enter = Callable[[], AbstractContextManager[Any]]


def csv_answer(by: str, first: date, last: date, *, enter: Enter) -> StreamingHttpResponse:
    """A download of the days from `first` to `last`, by one of BY."""
    whose = BY[by]
    lines = csv_lines(whose, first, last, names=partial(names_of, whose), enter=enter)
    name = f"usage-by-{by}-{first}-{last}.csv"
    return StreamingHttpResponse(
        _pieces(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _pieces(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Read on the request's own thread: the answer to an ordinary iterator would be put together
    whole before anything of it is sent."""
    while piece := await sync_to_async(_joined)(lines):
        yield piece


def _joined(lines: Iterator[str]) -> bytes:
    return "".join(islice(lines, PAGE)).encode(errors="replace")


def names_of(whose: Whose, subjects: Collection[UUID]) -> dict[UUID, str]:
    """What agents, people or organisations are called. Who is not found has gone."""
    match whose:
        case Whose.AGENT:
            return dict(Agent.objects.filter(pk__in=subjects).values_list("pk", "name"))
        case Whose.USER:
            return dict(User.objects.filter(pk__in=subjects).values_list("pk", "email"))
    return dict(Tenant.objects.filter(pk__in=subjects).values_list("pk", "name"))


def csv_lines(
    whose: Whose, first: date, last: date, *, names: Names, enter: Enter
) -> Iterator[str]:
    """The lines of the days from `first` to `last`, with a heading. `names` says what the
    subjects are called; one that it does not know has left."""
    lines = Lines()
    yield lines.line_of(COLUMNS)
    for row, name in _rows(whose, first, last, names, enter):
        yield lines.line_of(_cells(row, name))


def _rows(
    whose: Whose, first: date, last: date, names: Names, enter: Enter
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
