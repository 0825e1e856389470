"""Pages of a list that stay right while rows are added: keyset pagination.

A cursor names the last row of a page by the columns the list is ordered by, and the next
page is what comes after it. No row is skipped or seen twice when others arrive, and the
thousandth page costs as much as the first. (REST framework's own cursor compares the first
column only, and all turns of a conversation share their epoch.)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError as ValidationProblem
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from conversations.api.problems import InvalidCursor

PARAMETER = "cursor"
LIMIT = "limit"


class KeysetPagination(BasePagination):
    """Forward only. `ordering` names non-null columns that are unique together."""

    ordering: Sequence[str] = ("-id",)
    page_size = 50
    most = 200

    def __init__(self) -> None:
        self.next_link: str | None = None

    def paginate_queryset(
        self,
        queryset: QuerySet[Any] | Sequence[Any],
        request: Request,
        view: APIView | None = None,
    ) -> list[Any]:
        """Return one page. Raises InvalidCursor, and ValidationError for a limit that is none."""
        if not isinstance(queryset, QuerySet):
            raise TypeError("keyset pages need a queryset")
        size = self.size_of(request)
        queryset = queryset.order_by(*self.ordering)
        text = request.query_params.get(PARAMETER)
        rows = self.rows_from(queryset, text, size + 1) if text else list(queryset[: size + 1])
        if len(rows) > size:
            rows.pop()
            cursor = self.cursor_of(rows[-1])
            self.next_link = replace_query_param(request.build_absolute_uri(), PARAMETER, cursor)
        return rows

    def size_of(self, request: Request) -> int:
        text = request.query_params.get(LIMIT)
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= self.most):
            raise ValidationProblem({LIMIT: f"A whole number from 1 to {self.most}."})
        return int(text)

    def rows_from(self, queryset: QuerySet[Any], text: str, count: int) -> list[Any]:
        """What comes after a cursor. One that was forged may name what no column can hold."""
        try:
            return list(self.after(queryset, text)[:count])
        except (DataError, OverflowError, ValueError) as error:
            raise InvalidCursor from error

    def after(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        position = decode(text, len(self.ordering))
        try:
            return queryset.filter(self.rows_after(position))
        except (ValidationError, ValueError, TypeError) as error:
            raise InvalidCursor from error

    def rows_after(self, position: Sequence[Any]) -> Q:
        """Build `a > x OR (a = x AND b > y)` for however many columns there are."""
        later = Q(pk__in=[])
        equal = Q()
        for column, value in zip(self.ordering, position, strict=True):
            name = column.removeprefix("-")
            compare = "lt" if column.startswith("-") else "gt"
            later |= equal & Q(**{f"{name}__{compare}": value})
            equal &= Q(**{name: value})
        return later

    def cursor_of(self, row: Model) -> str:
        return encode([getattr(row, column.removeprefix("-")) for column in self.ordering])

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_link, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "Address of the next page; null on the last one.",
                    "example": None,
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": PARAMETER,
                "in": "query",
                "required": False,
                "description": "Taken from `next` of the page before.",
                "schema": {"type": "string"},
            },
            {
                "name": LIMIT,
                "in": "query",
                "required": False,
                "description": "How many at most.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.most,
                    "default": self.page_size,
                },
            },
        ]


def encode(position: Sequence[Any]) -> str:
    text = json.dumps(position, default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, columns: int) -> list[Any]:
    """Raises InvalidCursor for anything `encode` did not make."""
    try:
        padded = text + "=" * (-len(text) % 4)
        position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError as error:
        raise InvalidCursor from error
    if not isinstance(position, list) or len(position) != columns:
        raise InvalidCursor
    return position


class NewestFirst(KeysetPagination):
    ordering = ("-id",)


class InSpokenOrder(KeysetPagination):
    ordering = ("epoch", "first_seq")
    page_size = 200
