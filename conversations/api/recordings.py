"""`…/recordings/` and `…/recording/`: what was heard in a conversation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework import exceptions, serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.conversations import OfConversation
from conversations.api.pagination import KeysetPagination
from conversations.api.permissions import caller_of
from conversations.api.schema import INVALID, UNKNOWN, problems
from conversations.models import Recording
from conversations.recordings.listening import record_listening
from conversations.recordings.mix import mix_of
from conversations.recordings.serving import TYPE, sound_answer

RANGE: Final = OpenApiParameter(
    "Range", str, OpenApiParameter.HEADER, description="Such as `bytes=0-65535`."
)


class RangeNotSatisfiable(exceptions.APIException):
    status_code = status.HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE
    default_detail = "The range lies behind the end of the sound. Ask for less."
    default_code = "range_not_satisfiable"


class InRecordedOrder(KeysetPagination):
    ordering = ("epoch", "segment", "side")
    page_size = 200


class RecordingSerializer(serializers.ModelSerializer[Recording]):
    """A piece of what one side said; the whole is at `…/recording/`."""

    sha256 = serializers.CharField(
        read_only=True, help_text="Of the stored piece; empty for one that was lost."
    )

    class Meta:
        model = Recording
        fields = (
            *("id", "side", "epoch", "segment", "start_ms", "length_ms", "lost_ms"),
            *("rate", "bytes", "sha256", "created_at"),
        )
        read_only_fields = fields
        extra_kwargs = {
            "start_ms": {"help_text": "Milliseconds since the conversation began."},
            "lost_ms": {"help_text": "So much of it was said and could not be stored."},
            "rate": {"help_text": "Hz."},
        }


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_recordings_list",
        summary="What was recorded, piece by piece",
        responses={200: RecordingSerializer(many=True), **problems(e400=INVALID, e404=UNKNOWN)},
    )
)
class RecordingList(OfConversation, ListAPIView[Recording]):
    pagination_class = InRecordedOrder
    serializer_class = RecordingSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.conversation()
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Recording]:
        return Recording.objects.filter(conversation_id=self.kwargs["conversation_id"])


class WhateverIsAccepted(DefaultContentNegotiation):
    """Who asks for sound is not refused for that JSON is not accepted: problems are JSON."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class RecordingSound(OfConversation):
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        operation_id="conversations_recording_retrieve",
        summary="What was heard, as one sound",
        description="A WAV file of 24 kHz: the person on the left, the agent on the right. Ranges"
        " are answered, a wide one by its beginning. Who listens is noted in the audit.",
        parameters=[RANGE],
        responses={
            (200, TYPE): OpenApiTypes.BINARY,
            (206, TYPE): OpenApiTypes.BINARY,
            **problems(
                e404="There is no such conversation, or nothing is kept of its sound.",
                e416="The range lies behind the end.",
            ),
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = self.conversation()
        mix = mix_of(found.pk, at_least_ms=found.duration_ms or 0)
        if mix is None:
            raise Http404
        answer = sound_answer(mix, request.headers.get("Range", ""))
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise RangeNotSatisfiable
        record_listening(found, caller_of(request).actor)
        return answer
