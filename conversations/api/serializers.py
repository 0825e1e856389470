"""What the API says about conversations and turns."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers

from conversations.models import Agent, Conversation, Turn
from conversations.states import ConversationState, EndReason


class AgentRefSerializer(serializers.ModelSerializer[Agent]):
    class Meta:
        model = Agent
        fields = ["id", "name"]


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
    end_reason = EndReasonField()
    duration_ms = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Milliseconds; null until it has ended."
    )

    class Meta:
        model = Conversation
        fields = [
            "id",
            "agent",
            "user",
            "state",
            "started_at",
            "ended_at",
            "duration_ms",
            "end_reason",
            "first_words",
        ]
        read_only_fields = fields


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


class ConversationFilterSerializer(serializers.Serializer[Any]):
    """The filters of the list."""

    agent = serializers.UUIDField(required=False, help_text="Id of an agent.")
    state = serializers.ChoiceField(
        choices=[str(state) for state in ConversationState], required=False
    )

    def lookups(self) -> dict[str, uuid.UUID | str]:
        names = {"agent": "agent_id", "state": "state"}
        return {names[name]: value for name, value in self.validated_data.items()}
