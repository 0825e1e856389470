"""What staff and programs say about a conversation: notes and tags."""

from __future__ import annotations

from django.db import models

from accounts.tenancy import TenantOwned
from conversations.models.conversation import Conversation
from conversations.models.turns import Turn


class Note(TenantOwned):
    """A remark on a conversation, or on one of its turns. It goes with what it is about."""

    MOST_CHARS = 4000

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="notes")
    turn = models.ForeignKey(Turn, models.CASCADE, null=True, blank=True, related_name="notes")
    text = models.TextField(max_length=MOST_CHARS)
    # As the audit names them.
    written_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_by = models.CharField(max_length=80, blank=True, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["id"]
        indexes = [models.Index(fields=["conversation", "id"], name="note_of_conversation")]

    def __str__(self) -> str:
        return f"note {self.id}"


class Tag(TenantOwned):
    """A word by which conversations are found again. It is on a conversation once."""

    MOST_CHARS = 40

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="tags")
    # In small letters.
    name = models.CharField(max_length=MOST_CHARS)
    added_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["name"]
        indexes = [models.Index(fields=["tenant", "name", "conversation"], name="tag_by_name")]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "name"], name="tag_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return self.name
