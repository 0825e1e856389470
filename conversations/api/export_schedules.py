"""`/api/v1/export-schedules/`: exports by the clock, of the day, week or month before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.audit import record
from accounts.roles import Permission
from conversations.api.conditional import IfMatch
from conversations.api.exports import Refused, WantedSerializer, wanted_of
from conversations.api.pagination import NewestFirst
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import problems
from conversations.exports.jobs import ExportRefused
from conversations.exports.schedules import (
    LONGEST_KEPT_DAYS,
    answer_for,
    check_room,
    check_schedule,
)
from conversations.models import ExportFormat, ExportSchedule

_BAD = "A field is not valid, or audio is to be redacted."


class ScheduleWantedSerializer(WantedSerializer):
    """Which conversations of each day, week or month; all of these have to hold."""

    conversations = None  # type: ignore[assignment]
    since = None  # type: ignore[assignment]
    until = None  # type: ignore[assignment]


def formats_field(**kwargs: Any) -> Any:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=ExportFormat.choices),
        allow_empty=False,
        max_length=len(ExportFormat.choices),
        help_text="A file of each.",
        **kwargs,
    )


class ExportScheduleSerializer(serializers.ModelSerializer[ExportSchedule]):
    """What is exported when."""

    formats = formats_field(read_only=True)
    redacted = serializers.BooleanField(source="is_redacted", read_only=True)
    filter = ScheduleWantedSerializer(source="wanted", read_only=True)
    next_at = serializers.DateTimeField(
        read_only=True, help_text="When the next ones are asked for, while it is on."
    )
    asked_by = serializers.CharField(
        read_only=True, help_text="Who changed it last, and answers for it."
    )

    class Meta:
        model = ExportSchedule
        fields = [
            *("id", "name", "is_on", "every", "hour", "formats", "redacted", "filter"),
            *("keep_days", "next_at", "asked_by", "created_at"),
        ]
        read_only_fields = fields


class NewExportScheduleSerializer(serializers.Serializer[Any]):
    """What to export when."""

    name = serializers.CharField(max_length=100)
    is_on = serializers.BooleanField(default=True)
    every = serializers.ChoiceField(
        choices=ExportSchedule.Every.choices,
        default=ExportSchedule.Every.DAY,
        help_text="Each is of the one before, in UTC; weeks begin on Mondays.",
    )
    hour = serializers.IntegerField(
        min_value=0, max_value=23, default=2, help_text="Of the first day after it, in UTC."
    )
    formats = formats_field()
    redacted = serializers.BooleanField(
        source="is_redacted",
        default=False,
        help_text="Without what names people, as far as it is found.",
    )
    filter = ScheduleWantedSerializer(source="wanted", required=False)
    keep_days = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_KEPT_DAYS,
        default=30,
        help_text="Then each file is deleted.",
    )

    def validate_formats(self, formats: list[str]) -> list[str]:
        return list(dict.fromkeys(formats))

    def validate_filter(self, said: dict[str, Any]) -> dict[str, Any]:
        return wanted_of(said).as_json()


class ExportScheduleChangeSerializer(NewExportScheduleSerializer):
    """What may be changed of one; a `filter` takes the place of the whole one before."""


class ExportSchedules(GenericAPIView[ExportSchedule]):
    permission_classes = [allowed(Permission.EXPORT)]
    serializer_class = ExportScheduleSerializer
    lookup_url_kwarg = "export_schedule_id"

    def get_queryset(self) -> QuerySet[ExportSchedule]:
        return ExportSchedule.objects.all()

    def checked(self, row: ExportSchedule) -> ExportSchedule:
        try:
            check_schedule(row)
        except ExportRefused as error:
            raise Refused(error) from None
        return row


class ExportScheduleList(ExportSchedules):
    pagination_class = NewestFirst
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="export_schedules_list",
        summary="List schedules of exports, newest first",
        responses={200: ExportScheduleSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="export_schedules_create",
        summary="Export by the clock",
        description="Its exports are listed with all others; `schedule` names it there.",
        request=NewExportScheduleSerializer,
        responses={
            201: ExportScheduleSerializer,
            **problems(e400=_BAD, e409="There are as many as there may be."),
        },
    )
    def post(self, request: Request) -> Response:
        asked = NewExportScheduleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said, caller = asked.validated_data, caller_of(request)
        row = self.checked(ExportSchedule(tenant_id=caller.tenant_id, **said))
        try:
            check_room()
        except ExportRefused as error:
            raise Refused(error) from None
        answer_for(row, caller.actor, timezone.now(), said)
        with transaction.atomic():
            row.save(force_insert=True)
            record("exportschedule.created", row, actor=caller.actor, after=_for_audit(said))
        place = reverse("api-export-schedule", args=[row.pk], request=request)
        body = self.get_serializer(row).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})


class ExportScheduleDetail(IfMatch, ExportSchedules):
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="export_schedules_retrieve",
        summary="One schedule of exports",
        responses={200: ExportScheduleSerializer},
    )
    def get(self, request: Request, export_schedule_id: UUID) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="export_schedules_partial_update",
        summary="Change a schedule of exports",
        description="Turned on again, or at another time, it begins with what is next: what it"
        " passed by is not caught up.",
        request=ExportScheduleChangeSerializer,
        responses={200: ExportScheduleSerializer, **problems(e400=_BAD)},
    )
    def patch(self, request: Request, export_schedule_id: UUID) -> Response:
        row, actor = self.get_object(), caller_of(request).actor
        asked = ExportScheduleChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        before = {name: getattr(row, name) for name in asked.validated_data}
        changed = {
            name: value for name, value in asked.validated_data.items() if value != before[name]
        }
        for name, value in changed.items():
            setattr(row, name, value)
        self.checked(row)
        moved = answer_for(row, actor, timezone.now(), changed)
        with transaction.atomic():
            row.save(update_fields=[*changed, *moved])
            record(
                "exportschedule.changed",
                row,
                actor=actor,
                before=_for_audit({name: before[name] for name in changed}),
                after=_for_audit(changed),
            )
        return Response(self.get_serializer(row).data)

    @extend_schema(
        operation_id="export_schedules_destroy",
        summary="Delete a schedule of exports",
        description="The exports that it asked for stay.",
        responses={204: None},
    )
    def delete(self, request: Request, export_schedule_id: UUID) -> Response:
        row = self.get_object()
        with transaction.atomic():
            record("exportschedule.deleted", row, actor=caller_of(request).actor)
            row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _for_audit(said: dict[str, Any]) -> dict[str, Any]:
    """Without the words that are looked for."""
    wanted = {name: value for name, value in said.get("wanted", {}).items() if name != "text"}
    return {**said, "wanted": wanted} if "wanted" in said else said
