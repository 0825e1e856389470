"""What the API says about conversations and turns."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations.models import Agent, Conversation, Tag, Turn
from conversations.states import EndReason


class AgentRefSerializer(serializers.ModelSerializer[Agent]):
    class Meta:
        model = Agent
        fields = ["id", "name"]


class EndUserSerializer(serializers.Serializer[Any]):
    """A user of the application: its own id for them, which stays the same, and a name."""

    id = serializers.CharField(max_length=128)
    name = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)


def end_user_of(row: Any) -> dict[str, str] | None:
    """Of a conversation or a token, whom an application held or made it for."""
    return {"id": row.end_user, "name": row.end_user_name} if row.end_user else None


class EndReasonField(serializers.ChoiceField):
    """Why it ended; null while it has not."""

    def __init__(self) -> None:
        reasons = [str(reason) for reason in EndReason]
        super().__init__(choices=reasons, allow_null=True, read_only=True)

    def to_representation(self, value: str) -> Any:
        return value or None


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    """One conversation; its words are at `…/turns/`."""

    agent = AgentRefSerializer(read_only=True)
    user = serializers.EmailField(
        source="user.email", read_only=True, allow_null=True, default=None
    )
    end_user = serializers.SerializerMethodField(
        help_text="Of the application's users the one whose token it was begun with."
    )
    end_reason = EndReasonField()
    duration_ms = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Milliseconds; null until it has ended."
    )

    tags = serializers.SlugRelatedField[Tag](slug_field="name", many=True, read_only=True)

    class Meta:
        model = Conversation
        fields = [
            "id",
            "agent",
            "user",
            "end_user",
            "state",
            "started_at",
            "ended_at",
            "duration_ms",
            "end_reason",
            "first_words",
            "is_test",
            "tags",
            "text_erased_at",
            "events_erased_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "text_erased_at": {"help_text": "Since when its words are gone; null while they stay."},
            "events_erased_at": {"help_text": "The same of its events."},
        }

    @extend_schema_field(EndUserSerializer(allow_null=True))
    def get_end_user(self, row: Conversation) -> dict[str, str] | None:
        return end_user_of(row)


class TurnSerializer(serializers.ModelSerializer[Turn]):
    """What one side said, from its first word to its last."""

    turn = serializers.CharField(
        source="key", read_only=True, help_text="Its name in the conversation: `epoch.seq`."
    )
    started_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = Turn
        fields = ["turn", "speaker", "state", "text", "start_ms", "end_ms", "started_at"]
        read_only_fields = fields
        extra_kwargs = {
            "start_ms": {"help_text": "Milliseconds since the conversation began."},
            "end_ms": {"help_text": "Milliseconds since it began; null while not known."},
        }
