"""`…/events/`: what happened in a conversation beside the words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import record
from conversations.api.conversations import OfConversation
from conversations.api.pagination import KeysetPagination
from conversations.api.permissions import caller_of
from conversations.api.schema import INVALID, UNKNOWN, problems
from conversations.models import Event


class InOrder(KeysetPagination):
    ordering = ("epoch", "seq")
    page_size = 200


class EventSerializer(serializers.ModelSerializer[Event]):
    """Something that happened."""

    event = serializers.SerializerMethodField(
        help_text="Its name in the conversation: `epoch.seq`."
    )
    kind = serializers.CharField(
        read_only=True, help_text="New kinds may come; pass over those that you do not know."
    )
    at = serializers.SerializerMethodField()
    data = serializers.DictField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Event
        fields = ("event", "kind", "ms", "at", "data")
        read_only_fields = fields
        extra_kwargs = {"ms": {"help_text": "Milliseconds since the conversation began."}}

    @extend_schema_field(str)
    def get_event(self, event: Event) -> str:
        return f"{event.epoch}.{event.seq}"

    @extend_schema_field(datetime)
    def get_at(self, event: Event) -> Any:
        at = event.conversation.started_at + timedelta(milliseconds=event.ms)
        return serializers.DateTimeField().to_representation(at)


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_events_list",
        summary="What happened beside the words, in order",
        description="Interruptions, changes of the session, calls of tools, limits, the end.",
        responses={200: EventSerializer(many=True), **problems(e400=INVALID, e404=UNKNOWN)},
        examples=[
            OpenApiExample(
                "The end",
                response_only=True,
                value={
                    "event": "1.31",
                    "kind": "ended",
                    "ms": 250000,
                    "at": "2026-11-23T10:04:10Z",
                    "data": {"reason": "user-left"},
                },
            )
        ],
    )
)
class EventList(OfConversation, ListAPIView[Event]):
    pagination_class = InOrder
    serializer_class = EventSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        conversation = self.conversation()
        answer = super().list(request, *args, **kwargs)
        # What a tool was asked and said is among them.
        record("transcript.viewed", conversation, actor=caller_of(request).actor)
        return answer

    def get_queryset(self) -> QuerySet[Event]:
        events = Event.objects.filter(conversation_id=self.kwargs["conversation_id"])
        return events.select_related("conversation")
