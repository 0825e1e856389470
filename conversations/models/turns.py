"""What was said."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from accounts.tenancy import TenantManager, TenantOwned, TenantQuerySet
from conversations.models.choices import choices
from conversations.models.conversation import Conversation
from conversations.states import Speaker, TurnState


class TurnQuerySet(TenantQuerySet["Turn"]):
    def close_open_ones(self) -> list[Turn]:
        """Nobody will finish these: what a person said stands, what an agent said was cut off.
        Returns them as they are now, to be told (`conversations.webhooks.telling`)."""
        partial = self.filter(state=TurnState.PARTIAL)
        rows: list[Turn] = list(partial.defer("text"))
        for row in rows:
            is_users = row.speaker == Speaker.USER
            row.state = TurnState.FINAL if is_users else TurnState.INTERRUPTED
        if rows:
            partial.filter(speaker=Speaker.USER).update(state=TurnState.FINAL)
            partial.exclude(speaker=Speaker.USER).update(state=TurnState.INTERRUPTED)
        return rows


class Turn(TenantOwned):
    """What one side said, from its first word to its last.

    `(epoch, first_seq)` names it for good, so writing it again changes nothing.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="turns")
    epoch = models.PositiveIntegerField()
    first_seq = models.PositiveBigIntegerField()
    last_seq = models.PositiveBigIntegerField()
    speaker = models.CharField(max_length=8, choices=choices(Speaker))
    state = models.CharField(max_length=12, choices=choices(TurnState))
    text = models.TextField(blank=True)
    ref = models.CharField(max_length=64, blank=True)
    start_ms = models.PositiveBigIntegerField()
    end_ms = models.PositiveBigIntegerField(null=True, blank=True)

    objects = TenantManager.from_queryset(TurnQuerySet)()  # type: ignore[misc]

    class Meta(TenantOwned.Meta):
        ordering = ["epoch", "first_seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "epoch", "first_seq"], name="turn_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        return f"{self.epoch}.{self.first_seq}"

    @property
    def started_at(self) -> object:
        return self.conversation.started_at + timedelta(milliseconds=self.start_ms)
