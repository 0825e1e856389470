"""Audit entries as text, for other programs: JSON lines or CSV, a page in memory at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet

from accounts.audit.chain import FORMS, NEWEST_FORM, chain_scope
from accounts.audit.models import AuditEntry
from accounts.spreadsheets import Lines, as_text

PAGE = 1000
# What a seal covers, and which seal that is.
COLUMNS = (*FORMS[NEWEST_FORM], "seal_number")


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


class Writable(Protocol):
    def write(self, text: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, and before `until`; None for no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def of(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        if self.since is not None:
            entries = entries.filter(at__gte=self.since)
        if self.until is not None:
            entries = entries.filter(at__lt=self.until)
        return entries


def export(tenant_id: UUID | None, period: Period, form: Format, out: Writable) -> int:
    """Write the entries of a tenant, or the platform's own for None, in the order of their ids.
    Returns how many."""
    write = _json_lines if form is Format.JSONL else _csv_lines
    count = 0
    for line in write(_rows(tenant_id, period)):
        out.write(line)
        count += 1
    return count - (form is Format.CSV)


def _rows(tenant_id: UUID | None, period: Period) -> Iterator[dict[str, Any]]:
    last = UUID(int=0)
    while True:
        page = _page(tenant_id, period, last)
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]["id"]


def _page(tenant_id: UUID | None, period: Period, last: UUID) -> list[dict[str, Any]]:
    with chain_scope(tenant_id):
        entries = AuditEntry.objects.with_seals().filter(tenant=tenant_id, pk__gt=last)
        return list(period.of(entries).order_by("pk").values(*COLUMNS)[:PAGE])


def _json_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, default=_plain) + "\n"


def _csv_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    lines = Lines()
    yield lines.line_of(COLUMNS)
    for row in rows:
        yield lines.line_of(_cell(row[name]) for name in COLUMNS)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return as_text(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
