"""`/api/v1/exports/`: conversations as files, made in the background."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import exceptions, serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.roles import Permission
from conversations.api.conditional import IfMatch
from conversations.api.conversations import ConversationFilterSerializer
from conversations.api.pagination import NewestFirst
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import problems
from conversations.exports.files import MEDIA_TYPES, download_name, kind_of
from conversations.exports.jobs import ExportRefused, TooManyExports, ask_for_export
from conversations.exports.links import (
    BadLink,
    FileGone,
    check_key,
    download,
    expires_at,
    key_of,
)
from conversations.exports.schedules import TooManySchedules
from conversations.exports.sweeping import delete_export
from conversations.exports.wanted import MOST_CHOSEN, Wanted
from conversations.models import Agent, Conversation, Export, ExportFormat

# --- Problems ---------------------------------------------------------------------------------


class Refused(exceptions.APIException):
    """What `ask_for_export` refuses."""

    status_code: int = status.HTTP_400_BAD_REQUEST

    def __init__(self, error: ExportRefused) -> None:
        super().__init__(str(error), error.code)
        if isinstance(error, TooManyExports | TooManySchedules):
            self.status_code = status.HTTP_409_CONFLICT


class NotReady(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "The export is not ready. Look at its `state`, and ask again."
    default_code = "export_not_ready"


class Gone(exceptions.APIException):
    status_code = status.HTTP_410_GONE
    default_detail = "The file is not there any more. Ask for a new export."
    default_code = "export_gone"


class LinkExpired(exceptions.PermissionDenied):
    default_detail = "The link is too old, or was made for somebody else. Make a new one."
    default_code = "link_expired"


# --- What it says -----------------------------------------------------------------------------


class WantedSerializer(ConversationFilterSerializer):
    """Which conversations; all of these have to hold. Without any: all conversations."""

    conversations = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_empty=False,
        max_length=MOST_CHOSEN,
        help_text="Ids: these alone.",
    )
    is_test = serializers.BooleanField(
        required=False, help_text="Held with keys for tests, or not. Without it: both."
    )

    def validate_agent(self, agent: Any) -> Any:
        if not Agent.objects.filter(pk=agent).exists():
            raise serializers.ValidationError("There is no such agent.", "does_not_exist")
        return agent

    def validate_conversations(self, ids: list[Any]) -> tuple[Any, ...]:
        chosen = tuple(dict.fromkeys(ids))
        if Conversation.objects.filter(pk__in=chosen).count() != len(chosen):
            raise serializers.ValidationError("One of them does not exist.", "does_not_exist")
        return chosen

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since >= until:
            raise serializers.ValidationError({"until": "It is not after `since`."}, "invalid")
        return attrs


class CountSerializer(serializers.Serializer[Any]):
    """How far it is. What is said while it is made is not in `expected`."""

    done = serializers.IntegerField()
    expected = serializers.IntegerField()


class ExportFileSerializer(serializers.Serializer[Any]):
    """The file: its checksum is over what is downloaded."""

    name = serializers.CharField()
    media_type = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class ExportSerializer(serializers.ModelSerializer[Export]):
    """One export. Its `file` is there once its `state` is `ready`."""

    redacted = serializers.BooleanField(source="is_redacted", read_only=True)
    filter = WantedSerializer(source="wanted", read_only=True)
    percent = serializers.IntegerField(read_only=True, help_text="0 to 100.")
    conversations = serializers.SerializerMethodField()
    turns = serializers.SerializerMethodField()
    fault = serializers.ChoiceField(
        choices=Export.Fault.choices, read_only=True, allow_blank=True, help_text="Why it failed."
    )
    file = serializers.SerializerMethodField()
    schedule = serializers.UUIDField(
        source="schedule_id", read_only=True, allow_null=True, help_text="What asked for it."
    )

    class Meta:
        model = Export
        fields = [
            *("id", "format", "redacted", "filter", "state", "fault", "percent"),
            *("conversations", "turns", "file", "schedule"),
            *("asked_by", "asked_at", "ready_at", "expires_at"),
        ]
        read_only_fields = fields

    @extend_schema_field(CountSerializer)
    def get_conversations(self, export: Export) -> dict[str, int]:
        return {
            "done": export.conversations_done,
            "expected": export.conversations_expected,
        }

    @extend_schema_field(CountSerializer)
    def get_turns(self, export: Export) -> dict[str, int]:
        return {"done": export.turns_done, "expected": export.turns_expected}

    @extend_schema_field(ExportFileSerializer(allow_null=True))
    def get_file(self, export: Export) -> dict[str, Any] | None:
        if export.state != Export.State.READY:
            return None
        return {
            "name": download_name(export),
            "media_type": kind_of(export).media_type,
            "bytes": export.bytes,
            "sha256": export.sha256,
        }


class NewExportSerializer(serializers.Serializer[Any]):
    """What to make."""

    format = serializers.ChoiceField(choices=ExportFormat.choices)
    redacted = serializers.BooleanField(
        default=False, help_text="Without what names people, as far as it is found."
    )
    filter = WantedSerializer(required=False)


class LinkSerializer(serializers.Serializer[Any]):
    """Where to get the file: with the same API key, until `expires_at`."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


# --- Endpoints --------------------------------------------------------------------------------


class Exports(GenericAPIView[Export]):
    permission_classes = [allowed(Permission.EXPORT)]
    serializer_class = ExportSerializer
    lookup_url_kwarg = "export_id"

    def get_queryset(self) -> QuerySet[Export]:
        return Export.objects.all()


class ExportList(Exports):
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="exports_list",
        summary="List exports, newest first",
        responses={200: ExportSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="exports_create",
        summary="Ask for an export",
        description="It is made in the background: look at its `state`, or wait for the webhook "
        "`export.ready`.",
        request=NewExportSerializer,
        responses={
            201: ExportSerializer,
            **problems(e409="As many exports are being made as may be at once."),
        },
    )
    def post(self, request: Request) -> Response:
        asked = NewExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said: dict[str, Any] = asked.validated_data
        try:
            export = ask_for_export(
                wanted_of(said.get("filter", {})),
                said["format"],
                caller_of(request).actor,
                is_redacted=said["redacted"],
            )
        except ExportRefused as error:
            raise Refused(error) from None
        place = reverse("api-export", args=[export.pk], request=request)
        body = self.get_serializer(export).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})


def wanted_of(said: dict[str, Any]) -> Wanted:
    """The filter, of what a WantedSerializer has found valid."""
    return Wanted(**{each.name: said[each.name] for each in fields(Wanted) if each.name in said})


class ExportDetail(IfMatch, Exports):
    @extend_schema(
        operation_id="exports_retrieve", summary="One export", responses={200: ExportSerializer}
    )
    def get(self, request: Request, export_id: Any) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="exports_destroy",
        summary="Delete an export and its file",
        description="One that is being made is given up.",
        responses={204: None},
    )
    def delete(self, request: Request, export_id: Any) -> Response:
        delete_export(self.get_object(), caller_of(request).actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportLink(Exports):
    @extend_schema(
        operation_id="exports_link_create",
        summary="Make a link to the file",
        description="It works for a quarter of an hour, and only with the same API key.",
        request=None,
        responses={
            201: LinkSerializer,
            **problems(e409="The export is not ready.", e410="The file has had its time."),
        },
    )
    def post(self, request: Request, export_id: Any) -> Response:
        export = self.get_object()
        check_ready(export)
        now = timezone.now()
        key = key_of(export, caller_of(request), now)
        place = reverse("api-export-file", args=[export.pk], request=request)
        body = {"url": f"{place}?key={key}", "expires_at": expires_at(now)}
        return Response(LinkSerializer(body).data, status=status.HTTP_201_CREATED)


class ExportFile(Exports):
    @extend_schema(
        operation_id="exports_file_retrieve",
        summary="The file",
        description="At the address that a link has. Ranges are answered; each download is in "
        "the audit.",
        parameters=[
            OpenApiParameter("key", str, required=True, description="From the link."),
            OpenApiParameter(
                "Range", str, OpenApiParameter.HEADER, description="Such as bytes=0-9"
            ),
        ],
        responses={
            **{(200, each): OpenApiTypes.BINARY for each in MEDIA_TYPES},
            **{(206, each): OpenApiTypes.BINARY for each in MEDIA_TYPES},
            416: OpenApiResponse(description="The range lies behind the end."),
            **problems(e409="The export is not ready.", e410="The file has had its time."),
        },
    )
    def get(self, request: Request, export_id: Any) -> HttpResponseBase:
        export, caller = self.get_object(), caller_of(request)
        try:
            check_key(export, caller, request.query_params.get("key", ""), timezone.now())
            check_ready(export)
            return download(
                export,
                caller,
                ranges=request.headers.get("Range", ""),
                if_range=request.headers.get("If-Range", ""),
            )
        except BadLink:
            raise LinkExpired from None
        except FileGone:
            raise Gone from None


def check_ready(export: Export) -> None:
    """Raises NotReady, or Gone for one whose file was deleted."""
    if export.state == Export.State.EXPIRED:
        raise Gone
    if export.state != Export.State.READY:
        raise NotReady
