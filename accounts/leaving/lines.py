"""Rows as lines of JSON, a page in memory at a time."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.tenancy import TenantOwned

PAGE = 500


def pages_of(
    model: type[TenantOwned], fields: Sequence[str], page: int = PAGE
) -> Iterator[list[dict[str, Any]]]:
    """The rows of the scope in the order of their ids, each as field -> value."""
    last = UUID(int=0)
    while True:
        rows = model.objects.filter(pk__gt=last).order_by("pk")
        found: list[dict[str, Any]] = list(rows.values(*fields)[:page])
        if found:
            yield found
        if len(found) < page:
            return
        last = found[-1]["id"]


def as_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    """JSON lines. Times are written as the audit's hashes take them: UTC, with microseconds."""
    lines = (json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows)
    # A lone half of a surrogate pair cannot be UTF-8; JSON can name it.
    return "".join(lines).encode(errors="backslashreplace")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)
