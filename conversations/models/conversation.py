"""One talk between a person and an agent, and what happened in it beside the words."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantOwned
from conversations.models.access_tokens import AccessToken
from conversations.models.agents import Agent, AgentVersion
from conversations.models.choices import choices
from conversations.states import ConversationState, EndReason


class Conversation(TenantOwned):
    """One talk between a person and an agent.

    `stop_reason` is how anybody asks for its end: it is a fact in the database first, which
    the host reads with its next lease renewal; the bus only makes that faster.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="conversations")
    # What it runs with. None for those that are older than versions.
    version = models.ForeignKey(
        AgentVersion, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    user = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # What a program's own user began it with, whose limits it keeps.
    access_token = models.ForeignKey(
        AccessToken,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="conversations",
    )
    # The program's own user: its own id for them, and what they are called there.
    end_user = models.CharField(max_length=128, blank=True, editable=False)
    end_user_name = models.CharField(max_length=150, blank=True, editable=False)
    state = models.CharField(
        max_length=10, choices=choices(ConversationState), default=ConversationState.WAITING
    )
    # A `conversations.wishes.Wishes`: what the program that opened it asked for and was allowed.
    wishes = models.JSONField(default=dict, blank=True, editable=False)
    # Begun with a key for tests: it talks with a simulator only.
    is_test = models.BooleanField(default=False, editable=False)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=24, choices=choices(EndReason), blank=True)
    stop_reason = models.CharField(max_length=24, choices=choices(EndReason), blank=True)
    first_words = models.CharField(max_length=120, blank=True)
    last_epoch = models.PositiveIntegerField(default=0)
    last_seq = models.PositiveBigIntegerField(default=0)
    # When its words, and what happened beside them, were erased because their time was over.
    text_erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    events_erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="conversation_of_tenant"),
            models.Index(fields=["tenant", "user", "-id"], name="conversation_of_user"),
            models.Index(fields=["tenant", "agent", "-id"], name="conversation_of_agent"),
            models.Index(fields=["tenant", "end_reason", "-id"], name="conversation_by_reason"),
            models.Index(fields=["tenant", "started_at"], name="conversation_by_start"),
            models.Index(
                fields=["tenant", "state", "-id"],
                name="conversation_open",
                condition=~models.Q(state=ConversationState.ENDED),
            ),
            models.Index(
                fields=["tenant", "ended_at"],
                name="conversation_with_text",
                condition=models.Q(text_erased_at=None),
            ),
            models.Index(
                fields=["tenant", "ended_at"],
                name="conversation_with_events",
                condition=models.Q(events_erased_at=None),
            ),
            models.Index(
                fields=["tenant", "end_user", "-id"],
                name="conversation_of_end_user",
                condition=~models.Q(end_user=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"

    @property
    def agent_name(self) -> str:
        return self.agent.name

    @property
    def person(self) -> str:
        """Who talks, as staff name them; "" for a program that does not say whom it talks for."""
        if self.user is not None:
            return self.user.email
        return self.end_user_name or self.end_user

    @property
    def duration_ms(self) -> int | None:
        if self.ended_at is None:
            return None
        return int((self.ended_at - self.started_at).total_seconds() * 1000)

    @property
    def has_ended(self) -> bool:
        return self.state == ConversationState.ENDED

    def end(self, reason: EndReason) -> bool:
        """End a conversation that no worker hosts. Ending it again changes nothing. Returns
        whether it ended now: then it has to be told (`conversations.webhooks.telling`)."""
        open_ones = type(self).objects.filter(id=self.id).exclude(state=ConversationState.ENDED)
        ended = {"state": ConversationState.ENDED, "end_reason": reason, "ended_at": Now()}
        return bool(open_ones.update(**ended))


class Event(TenantOwned):
    """What happened beside the words: interruptions, rotations, cuts, the end."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="events")
    epoch = models.PositiveIntegerField()
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=24)
    ms = models.PositiveBigIntegerField()
    data = models.JSONField(default=dict, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ["epoch", "seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "epoch", "seq"], name="event_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.epoch}.{self.seq}"
