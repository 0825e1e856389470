"""What was heard: who agreed to that, and the pieces of sound that are kept."""

from __future__ import annotations

from typing import Final

from django.db import models

from accounts.tenancy import TenantOwned
from conversations.models.choices import choices
from conversations.models.conversation import Conversation
from conversations.states import Speaker

# Where the segments lie in the storage, below their tenant's folder.
FOLDER: Final = "recordings"


class Consent(TenantOwned):
    """That the sound of a conversation may be kept: who said so, when, and to which text."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="consent")
    # As the audit names them.
    given_by = models.CharField(max_length=200)
    given_at = models.DateTimeField(auto_now_add=True)
    text_version = models.CharField(max_length=16)
    # What the text promised; a time that is set later changes nothing for this one.
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.given_by} to text {self.text_version}"


class Recording(TenantOwned):
    """A piece of what one side said. Without a `file` it was lost: the storage was too slow.

    `start_ms` counts from the beginning of the conversation; where nothing is told, it was quiet.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="recordings")
    epoch = models.PositiveIntegerField()
    side = models.CharField(max_length=8, choices=choices((Speaker.USER, Speaker.AGENT)))
    segment = models.PositiveIntegerField()
    start_ms = models.PositiveBigIntegerField()
    length_ms = models.PositiveIntegerField()
    # Of `length_ms` so much was said and is missing.
    lost_ms = models.PositiveIntegerField(default=0)
    rate = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    # Its name in the storage.
    file = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["epoch", "segment", "side"]
        indexes = [models.Index(fields=["file"], name="recording_by_file")]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "epoch", "side", "segment"],
                name="recording_once_in_conversation",
            )
        ]

    def __str__(self) -> str:
        return f"{self.side} from {self.start_ms} ms"
