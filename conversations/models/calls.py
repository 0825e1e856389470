"""The tool calls of a conversation: each is a fact before it is made."""

from __future__ import annotations

from django.db import models

from accounts.tenancy import TenantOwned
from conversations.models.choices import choices
from conversations.models.conversation import Conversation
from conversations.states import CallState


class ToolCall(TenantOwned):
    """A call of the model's, noted before it is made, so that it is made at most once.

    `call` is the id that the model gave it. `answer_by` is there for one that a page makes.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="tool_calls")
    call = models.CharField(max_length=200)
    name = models.CharField(max_length=128)
    epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=choices(CallState))
    answer_by = models.DateTimeField(null=True, blank=True)
    # What the model was told, to tell it again; see `conversations.tools.outcomes`.
    response = models.JSONField(null=True, blank=True)
    summary = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "call"], name="tool_call_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.call}"
