"""`/api/v1/conversations/`: the tenant's conversations and their turns, for programs."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record
from accounts.callers import Caller
from accounts.roles import Permission
from conversations.api.pagination import InSpokenOrder, NewestFirst
from conversations.api.schema import FORBIDDEN, INVALID, UNAUTHORISED, UNKNOWN, problems
from conversations.api.serializers import (
    ConversationFilterSerializer,
    ConversationSerializer,
    TurnSerializer,
)
from conversations.models import Conversation, Turn


class MayRead(BasePermission):
    """The caller may use the API to read, and may read what others of its tenant said."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        return isinstance(caller, Caller) and all(
            caller.may(permission)
            for permission in (Permission.READ_API, Permission.REVIEW_CONVERSATIONS)
        )


def conversations() -> QuerySet[Conversation]:
    """Those of the tenant in scope, with what an answer names."""
    return Conversation.objects.select_related("agent", "user")


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_list",
        summary="List conversations, newest first",
        parameters=[ConversationFilterSerializer],
        responses={
            200: ConversationSerializer(many=True),
            **problems(e400=INVALID, e401=UNAUTHORISED, e403=FORBIDDEN),
        },
    )
)
class ConversationList(ListAPIView[Conversation]):
    permission_classes = [MayRead]
    pagination_class = NewestFirst
    serializer_class = ConversationSerializer

    def get_queryset(self) -> QuerySet[Conversation]:
        wanted = ConversationFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return conversations().filter(**wanted.lookups())


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_retrieve",
        summary="One conversation",
        responses={
            200: ConversationSerializer,
            **problems(e401=UNAUTHORISED, e403=FORBIDDEN, e404=UNKNOWN),
        },
    )
)
class ConversationDetail(RetrieveAPIView[Conversation]):
    permission_classes = [MayRead]
    serializer_class = ConversationSerializer
    lookup_url_kwarg = "conversation_id"

    def get_queryset(self) -> QuerySet[Conversation]:
        return conversations()


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_turns_list",
        summary="What was said, in order",
        responses={
            200: TurnSerializer(many=True),
            **problems(e400=INVALID, e401=UNAUTHORISED, e403=FORBIDDEN, e404=UNKNOWN),
        },
    )
)
class TurnList(ListAPIView[Turn]):
    permission_classes = [MayRead]
    pagination_class = InSpokenOrder
    serializer_class = TurnSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = Conversation.objects.all()
        conversation = get_object_or_404(rows, pk=kwargs["conversation_id"])
        answer = super().list(request, *args, **kwargs)
        caller = cast("Caller", request.auth)  # MayRead has looked
        record("transcript.viewed", conversation, actor=caller.actor)
        return answer

    def get_queryset(self) -> QuerySet[Turn]:
        turns = Turn.objects.filter(conversation_id=self.kwargs["conversation_id"])
        return turns.select_related("conversation")
