"""What is to go: the one place where an operation of the API, or a parameter, is marked deprecated.

From a row here follow the headers of its answers (`Deprecation` of RFC 9745, `Sunset` of RFC 8594),
`deprecated` in the schema, and the table in docs/reference/api.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.http import http_date

# What docs/reference/api.md promises: twelve months.
NOTICE: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """`operation` is as the schema has it, `GET /api/v1/usage/`; with a `parameter`, of its query,
    only that is to go. `instead` says in a sentence what to use. Days are of UTC.

    Raises ValueError for less than the promised notice.
    """

    operation: str
    since: date
    sunset: date
    instead: str
    parameter: str = ""

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError("what is deprecated stays for twelve months")

    def __str__(self) -> str:
        return f"Deprecated since {self.since}; it goes after {self.sunset}. {self.instead}"


DEPRECATIONS: Final[list[Deprecation]] = []


def deprecations_of(method: str, path: str) -> list[Deprecation]:
    """Those of an operation and of its parameters; `path` is as in the schema."""
    name = f"{method} {path}"
    return [row for row in DEPRECATIONS if row.operation == name]


def table() -> str:
    """For docs/reference/api.md."""
    if not DEPRECATIONS:
        return "Nothing is deprecated today."
    lines = ["| deprecated | since | goes after | instead |", "|---|---|---|---|"]
    for row in DEPRECATIONS:
        what = f"`{row.operation}`" + (f", `{row.parameter}`" if row.parameter else "")
        lines.append(f"| {what} | {row.since} | {row.sunset} | {row.instead} |")
    return "\n".join(lines)


# --- Headers ----------------------------------------------------------------------------------

_ARGUMENT: Final = re.compile(r"<(?:[^:>]+:)?(\w+)>")


class DeprecationMiddleware:
    """Says it with every answer to a request that uses what is to go."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if DEPRECATIONS and (found := used_by(request)):
            for name, value in headers_for(found).items():
                response[name] = value
            more = [response["Link"]] if "Link" in response else []
            place = request.build_absolute_uri(reverse("api-redoc"))
            response["Link"] = ", ".join([*more, f'<{place}>; rel="deprecation"; type="text/html"'])
        return response


def used_by(request: HttpRequest) -> list[Deprecation]:
    match = request.resolver_match
    if match is None:
        return []
    rows = deprecations_of(request.method or "", "/" + _ARGUMENT.sub(r"{\1}", match.route))
    return [row for row in rows if not row.parameter or row.parameter in request.GET]


def headers_for(rows: Sequence[Deprecation]) -> dict[str, str]:
    """Of several: since when the first one is deprecated, and when the first one goes."""
    since = datetime.combine(min(row.since for row in rows), time(), UTC)
    until = datetime.combine(min(row.sunset for row in rows), time.max, UTC)
    return {
        "Deprecation": f"@{int(since.timestamp())}",
        "Sunset": http_date(until.timestamp()),
    }
