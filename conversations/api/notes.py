"""`…/notes/` and `/api/v1/notes/`: remarks on a conversation, or on one of its turns."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView, ListCreateAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.audit import record
from accounts.roles import Permission
from conversations.api.conditional import IfMatch
from conversations.api.conversations import READ, OfConversation
from conversations.api.pagination import KeysetPagination
from conversations.api.permissions import allowed, caller_of, of_callers_agents
from conversations.api.schema import INVALID, UNKNOWN, problems
from conversations.models import Note, Turn

# As the columns of a turn can hold it.
_TURN: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,18})")
TURN_SCHEMA: Final = {"type": "string", "pattern": f"^{_TURN.pattern}$"}


class OldestFirst(KeysetPagination):
    ordering = ("id",)


@extend_schema_field(TURN_SCHEMA)
class TurnKeyField(serializers.Field):  # type: ignore[type-arg]
    """A turn by its name in the conversation."""

    def to_representation(self, turn: Turn) -> str:
        return turn.key

    def to_internal_value(self, data: Any) -> Turn:
        named = _TURN.fullmatch(data) if isinstance(data, str) else None
        if named is not None:
            place = {"epoch": int(named[1]), "first_seq": int(named[2])}
            turns = Turn.objects.filter(conversation_id=self._conversation_id())
            if found := turns.filter(**place).first():
                return found
        raise serializers.ValidationError("The conversation has no such turn.", "does_not_exist")

    def _conversation_id(self) -> Any:
        note = self.parent.instance
        return self.context["conversation_id"] if note is None else note.conversation_id


class NoteSerializer(serializers.ModelSerializer[Note]):
    """A note. `written_by` and `changed_by` are named as in the audit: `user:…`, `key:…`."""

    turn = TurnKeyField(
        required=False,
        allow_null=True,
        help_text="The turn that it is about, `epoch.seq`; null: the whole conversation.",
    )

    conversation = serializers.UUIDField(source="conversation_id", read_only=True)

    class Meta:
        model = Note
        fields = (
            *("id", "conversation", "turn", "text"),
            *("written_by", "created_at", "changed_by", "changed_at"),
        )
        read_only_fields = ("id", "written_by", "created_at", "changed_by", "changed_at")
        extra_kwargs = {"text": {"max_length": Note.MOST_CHARS}}


EXAMPLE: Final = OpenApiExample("A note on a turn", value={"turn": "1.4", "text": "Call back."})


ANNOTATING: Final = allowed(*READ, changing=[Permission.ANNOTATE])


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_notes_list",
        summary="List the notes on a conversation, oldest first",
        responses={200: NoteSerializer(many=True), **problems(e400=INVALID, e404=UNKNOWN)},
    ),
    post=extend_schema(
        operation_id="conversations_notes_create",
        summary="Write a note",
        responses={201: NoteSerializer},
        examples=[EXAMPLE],
    ),
)
class NoteList(OfConversation, ListCreateAPIView[Note]):
    permission_classes = [ANNOTATING]
    keeps_answer_with_change = True
    pagination_class = OldestFirst
    serializer_class = NoteSerializer

    def get_queryset(self) -> QuerySet[Note]:
        rows = Note.objects.filter(conversation_id=self.kwargs["conversation_id"])
        return rows.select_related("turn")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.conversation()
        return super().list(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        conversation, actor = self.conversation(), caller_of(request).actor
        asked = NoteSerializer(data=request.data, context={"conversation_id": conversation.pk})
        asked.is_valid(raise_exception=True)
        note = asked.save(conversation=conversation, written_by=actor)
        record("note.written", note, actor=actor)
        place = reverse("api-note", args=[note.pk], request=request)
        return Response(asked.data, status=status.HTTP_201_CREATED, headers={"Location": place})


class Notes(GenericAPIView[Note]):
    permission_classes = [ANNOTATING]
    narrowed_to_agents = True
    keeps_answer_with_change = True
    serializer_class = NoteSerializer
    lookup_url_kwarg = "note_id"

    def get_queryset(self) -> QuerySet[Note]:
        rows = Note.objects.prefetch_related("turn")
        return of_callers_agents(rows, caller_of(self.request), "conversation__agent_id")


@extend_schema_view(
    get=extend_schema(
        operation_id="notes_retrieve",
        summary="One note",
        responses={200: NoteSerializer},
    ),
    patch=extend_schema(
        operation_id="notes_update",
        summary="Change a note",
        responses={200: NoteSerializer},
        examples=[EXAMPLE],
    ),
    delete=extend_schema(
        operation_id="notes_destroy",
        summary="Delete a note",
        responses={204: None},
    ),
)
class NoteDetail(IfMatch, Notes, RetrieveUpdateDestroyAPIView[Note]):
    http_method_names = ("get", "patch", "delete", "head", "options")

    def perform_update(self, serializer: Any) -> None:
        actor = caller_of(self.request).actor
        note = serializer.save(changed_by=actor, changed_at=timezone.now())
        record("note.changed", note, actor=actor)

    def perform_destroy(self, instance: Note) -> None:
        record("note.deleted", instance, actor=caller_of(self.request).actor)
        instance.delete()
