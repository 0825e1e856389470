"""`/api/v1/usage/`: what was used and what it cost, as the usage page says it."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Permission
from conversations.api.permissions import allowed
from conversations.api.schema import problems
from conversations.models import UsageDay
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

    @extend_schema(
        operation_id="usage_retrieve",
        summary="What was used, by day, agent and member",
        parameters=[PeriodSerializer],
        responses={200: UsageSerializer, **problems(e400="The days are not valid.")},
        examples=[
            OpenApiExample(
                "One day",
                response_only=True,
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
    def get(self, request: Request) -> Response:
        period = PeriodSerializer(data=request.query_params)
        period.is_valid(raise_exception=True)
        return Response(UsageSerializer(report_of(**period.validated_data)).data)
