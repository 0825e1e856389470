"""`/api/v1/usage/`: what was used and what it cost, as the usage page says it."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, Final

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record
from accounts.callers import Caller
from accounts.roles import Permission
from accounts.tenancy import tenant_scope
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import problems
from conversations.models import UsageDay
from conversations.usage.export import COLUMNS, csv_answer
from conversations.usage.periods import DAY, day_of
from conversations.usage.report import SUMS, Line, by_day, by_subject, total_of

DAYS: Final = 30  # unless others are asked for
MOST_DAYS: Final = 366
MOST_SUBJECTS: Final = 50


class PeriodSerializer(serializers.Serializer[Any]):
    """The days, both included, in UTC."""

    first = serializers.DateField(required=False, help_text=f"{DAYS} days ago if left out.")
    last = serializers.DateField(required=False, help_text="Today if left out.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        today = day_of(timezone.now())
        last: date = attrs.get("last", today)
        # Nothing was used before the calendar began.
        first: date = attrs.get("first") or max(last, date.min + DAYS * DAY) - (DAYS - 1) * DAY
        if first > last:
            raise serializers.ValidationError({"last": "It is before `first`."}, "invalid")
        if (last - first).days >= MOST_DAYS:
            raise serializers.ValidationError({"first": f"At most {MOST_DAYS} days."}, "invalid")
        return {"first": first, "last": last}


class CsvSerializer(serializers.Serializer[Any]):
    """In which form, and how the CSV is cut."""

    format = serializers.ChoiceField(
        choices=["json", "csv"], required=False, help_text="Goes before `Accept`."
    )
    by = serializers.ChoiceField(
        choices=["day", "agent", "user"],
        default="day",
        help_text="Of CSV: a line for each day, or for each day and agent or member.",
    )


class ByFormat(DefaultContentNegotiation):
    """What `format` names; by `Accept` where it names nothing that there is."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        for each in renderers:
            if each.format == request.query_params.get("format"):
                return each, each.media_type
        return super().select_renderer(request, renderers, format_suffix)


class CsvRenderer(JSONRenderer):
    """Only for CSV to be asked for; a refusal is JSON all the same."""

    media_type = "text/csv"
    format = "csv"


_TOKENS = [name for name in SUMS if name.endswith(("_in", "_out"))]


class AmountsSerializer(serializers.Serializer[Any]):
    """What was used. Of tokens without a price the cost is not known, and not in `cost_micros`."""

    talked_ms = serializers.IntegerField()
    tokens = serializers.DictField(
        child=serializers.IntegerField(), help_text=f"By kind: {', '.join(_TOKENS)}."
    )
    unpriced_tokens = serializers.IntegerField()
    cost_micros = serializers.IntegerField(help_text="Millionths of `currency`.")


class DaySerializer(AmountsSerializer):
    day = serializers.DateField()


class SubjectSerializer(AmountsSerializer):
    id = serializers.UUIDField()


class UsageSerializer(serializers.Serializer[Any]):
    """Days without any use are left out."""

    first = serializers.DateField()
    last = serializers.DateField()
    currency = serializers.CharField(help_text="Of the prices; empty where nothing has one.")
    total = AmountsSerializer()
    days = DaySerializer(many=True)
    agents = SubjectSerializer(
        many=True, help_text=f"The {MOST_SUBJECTS} that cost most; deleted ones too."
    )
    users = SubjectSerializer(
        many=True, help_text=f"The {MOST_SUBJECTS} members that cost most; programs are none."
    )


def amounts(line: Line) -> dict[str, Any]:
    return {
        "talked_ms": line.talked_ms,
        "tokens": {name: getattr(line, name) for name in _TOKENS},
        "unpriced_tokens": line.unpriced_tokens,
        "cost_micros": line.cost_micros,
    }


def report_of(first: date, last: date) -> dict[str, Any]:
    days = by_day(first, last)
    total = total_of(days.values())
    return {
        "first": first,
        "last": last,
        "currency": total.currency,
        "total": amounts(total),
        "days": [{"day": day, **amounts(days[day])} for day in sorted(days)],
        "agents": _subjects(UsageDay.Whose.AGENT, first, last),
        "users": _subjects(UsageDay.Whose.USER, first, last),
    }


def _subjects(whose: UsageDay.Whose, first: date, last: date) -> list[dict[str, Any]]:
    lines = by_subject(whose, first, last, most=MOST_SUBJECTS)
    return [{"id": subject, **amounts(line)} for subject, line in lines.items()]


_EXAMPLE = {"talked_ms": 250000, "tokens": {"audio_in": 6250, "audio_out": 3100}}
_EXAMPLE |= {"unpriced_tokens": 0, "cost_micros": 41000}


class UsageReport(APIView):
    permission_classes = [allowed(Permission.READ_USAGE)]
    renderer_classes = [JSONRenderer, CsvRenderer]
    content_negotiation_class = ByFormat

    @extend_schema(
        operation_id="usage_retrieve",
        summary="What was used, by day, agent and member",
        description="As JSON, or as CSV for a spreadsheet: by `Accept: text/csv` or `format=csv`."
        " The CSV has every agent and member, in the columns "
        f"{', '.join(f'`{name}`' for name in COLUMNS)}; its `cost` is in whole units of `currency`,"
        " and empty where nothing is known of it. A name that a spreadsheet would take for a"
        " formula begins with an apostrophe. The audit says who took it.",
        parameters=[PeriodSerializer, CsvSerializer],
        responses={
            (200, "application/json"): UsageSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            **problems(e400="The days are not valid."),
        },
        examples=[
            OpenApiExample(
                "One day",
                response_only=True,
                media_type="application/json",
                value={
                    "first": "2026-11-23",
                    "last": "2026-11-23",
                    "currency": "USD",
                    "total": _EXAMPLE,
                    "days": [{"day": "2026-11-23", **_EXAMPLE}],
                    "agents": [{"id": "019ab2e0-1d3f-7b52-8f3e-0d2a4b6c8e01", **_EXAMPLE}],
                    "users": [],
                },
            )
        ],
    )
    def get(self, request: Request) -> HttpResponseBase:
        period, cut = (
            kind(data=request.query_params) for kind in (PeriodSerializer, CsvSerializer)
        )
        period.is_valid(raise_exception=True)
        cut.is_valid(raise_exception=True)
        days = period.validated_data
        if isinstance(request.accepted_renderer, CsvRenderer):
            return download(caller_of(request), cut.validated_data["by"], **days)
        return Response(UsageSerializer(report_of(**days)).data)


def download(caller: Caller, by: str, first: date, last: date) -> HttpResponseBase:
    said = {"by": by, "first": first.isoformat(), "last": last.isoformat()}
    record("usage.exported", actor=caller.actor, after=said)
    return csv_answer(by, first, last, enter=partial(tenant_scope, caller.tenant_id))
