"""`…/turns/`: what was said in a conversation."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import record
from conversations.api.conversations import OfConversation
from conversations.api.pagination import InSpokenOrder
from conversations.api.permissions import caller_of
from conversations.api.schema import INVALID, UNKNOWN, problems
from conversations.api.serializers import TurnSerializer
from conversations.models import Turn
from conversations.states import TurnState


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_turns_list",
        summary="What was said, in order",
        description="Turns that are finished; what is being said appears with its end. Who reads"
        " them is noted in the audit.",
        responses={
            200: TurnSerializer(many=True),
            **problems(e400=INVALID, e404=UNKNOWN),
        },
        examples=[
            OpenApiExample(
                "What a person said",
                response_only=True,
                value={
                    "turn": "1.4",
                    "speaker": "user",
                    "state": "final",
                    "text": "Do you have size 42?",
                    "start_ms": 1200,
                    "end_ms": 2900,
                    "started_at": "2026-11-23T10:00:01.200000Z",
                },
            )
        ],
    )
)
class TurnList(OfConversation, ListAPIView[Turn]):
    pagination_class = InSpokenOrder
    serializer_class = TurnSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        conversation = self.conversation()
        answer = super().list(request, *args, **kwargs)
        record("transcript.viewed", conversation, actor=caller_of(request).actor)
        return answer

    def get_queryset(self) -> QuerySet[Turn]:
        turns = Turn.objects.filter(conversation_id=self.kwargs["conversation_id"])
        return turns.exclude(state=TurnState.PARTIAL).select_related("conversation")
