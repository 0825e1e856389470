"""What is kept of a conversation: who may talk to which agent, what was said, who hosts it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from accounts.keyset import SealedField, Unsealable
from accounts.tenancy import TenantManager, TenantOwned, TenantQuerySet
from conversations.states import ConversationState, EndReason, Speaker, TurnState

# A lease lasts this long and is renewed each second: expiry only lets others claim.
LEASE_TERM = timedelta(seconds=3)


def choices(words: Iterable[str]) -> list[tuple[str, str]]:
    return [(str(word), str(word).replace("-", " ").capitalize()) for word in words]


class Agent(TenantOwned):
    """Whom people talk to: a prompt, a model and a voice."""

    class Modality(models.TextChoices):
        AUDIO = "AUDIO", "Voice"
        TEXT = "TEXT", "Text only"

    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    prompt = models.TextField(blank=True, help_text="The system instruction of every session.")
    model = models.CharField(max_length=120, default="gemini-3.8-live")
    voice = models.CharField(max_length=60, default="Kore")
    modality = models.CharField(max_length=10, choices=Modality.choices, default=Modality.AUDIO)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="agent_slug_in_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class Conversation(TenantOwned):
    """One talk between a person and an agent.

    `stop_reason` is how anybody asks for its end: it is a fact in the database first, which
    the host reads with its next lease renewal; the bus only makes that faster.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="conversations")
    user = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(
        max_length=10, choices=choices(ConversationState), default=ConversationState.WAITING
    )
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=24, choices=choices(EndReason), blank=True)
    stop_reason = models.CharField(max_length=24, choices=choices(EndReason), blank=True)
    first_words = models.CharField(max_length=120, blank=True)
    last_epoch = models.PositiveIntegerField(default=0)
    last_seq = models.PositiveBigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="conversation_of_tenant"),
            models.Index(fields=["tenant", "user", "-id"], name="conversation_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.id}"

    @property
    def agent_name(self) -> str:
        return self.agent.name

    @property
    def duration_ms(self) -> int | None:
        if self.ended_at is None:
            return None
        return int((self.ended_at - self.started_at).total_seconds() * 1000)

    @property
    def has_ended(self) -> bool:
        return self.state == ConversationState.ENDED

    def end(self, reason: EndReason) -> None:
        """End a conversation that no worker hosts. Ending it again changes nothing."""
        open_ones = type(self).objects.filter(id=self.id).exclude(state=ConversationState.ENDED)
        open_ones.update(state=ConversationState.ENDED, end_reason=reason, ended_at=Now())


class TurnQuerySet(TenantQuerySet["Turn"]):
    def close_open_ones(self) -> None:
        """Nobody will finish these: what a person said stands, what an agent said was cut off."""
        partial = self.filter(state=TurnState.PARTIAL)
        partial.filter(speaker=Speaker.USER).update(state=TurnState.FINAL)
        partial.exclude(speaker=Speaker.USER).update(state=TurnState.INTERRUPTED)


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


@dataclass(frozen=True)
class Claim:
    """A lease that was won: who hosts which conversation from now on, and under which epoch."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int


class LeaseQuerySet(TenantQuerySet["Lease"]):
    """The lease statements. All times are the database's own, so hosts' clocks do not matter."""

    def claim(self, conversation_id: uuid.UUID, worker: str, address: str) -> Claim | None:
        """Take the conversation if no living worker has it. The database decides who won."""
        # Not a join: Django would move all conditions into a subquery, which PostgreSQL does not
        # look at again after it has waited for the winner's row lock, and both would win.
        open_ones = Conversation.objects.exclude(state=ConversationState.ENDED).values("id")
        won = self.filter(
            conversation_id=conversation_id,
            conversation_id__in=open_ones,
            expires_at__lte=Now(),
        ).update(
            worker=worker, address=address, epoch=F("epoch") + 1, expires_at=Now() + LEASE_TERM
        )
        if not won:
            return None
        lease = self.filter(conversation_id=conversation_id, worker=worker).first()
        return Claim(conversation_id, lease.tenant_id, lease.epoch) if lease else None

    def renew(self, worker: str) -> dict[uuid.UUID, tuple[int, str]]:
        """Renew all of a worker's leases in one statement.

        Returns conversation id -> (epoch, stop reason or ""). A conversation that is missing
        from the answer belongs to somebody else now.
        """
        mine = self.filter(worker=worker)
        mine.update(expires_at=Now() + LEASE_TERM)
        rows = mine.values_list("conversation_id", "epoch", "conversation__stop_reason")
        return {conversation: (epoch, stop) for conversation, epoch, stop in rows}

    def release(self, conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
        """Let others claim at once. Does nothing if the lease is no longer this worker's."""
        self.filter(conversation_id=conversation_id, worker=worker, epoch=epoch).update(
            worker="", address="", expires_at=Now()
        )

    def retire(self, conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
        """The conversation has ended: nobody will host it again, and its handle goes too."""
        self.filter(conversation_id=conversation_id, worker=worker, epoch=epoch).delete()

    def holder(self, conversation_id: uuid.UUID) -> tuple[str, int] | None:
        """Return (link address, epoch) of the living worker that hosts the conversation."""
        return (
            self.filter(conversation_id=conversation_id, expires_at__gt=Now())
            .values_list("address", "epoch")
            .first()
        )


class Lease(TenantOwned):
    """Which worker hosts a conversation. Made with the conversation, expired from the start."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="lease")
    worker = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=120, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(db_default=Now())
    sealed_handle = SealedField(
        purpose="handle", row="conversation_id", null=True, blank=True, editable=False
    )

    objects = TenantManager.from_queryset(LeaseQuerySet)()  # type: ignore[misc]

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(fields=["worker"], name="lease_of_worker"),
            models.Index(fields=["expires_at"], name="lease_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} at epoch {self.epoch}"

    def seal_handle(self, handle: str) -> bytes:
        """Seal a resumption handle for this conversation's row."""
        return Lease.sealed_handle.field.seal(self, handle.encode())

    def open_handle(self) -> str | None:
        """Return the stored resumption handle; None if there is none or it does not open."""
        if self.sealed_handle is None:
            return None
        try:
            return Lease.sealed_handle.field.unseal(self).decode()
        except Unsealable:
            return None  # a fresh session replaces it; the transcript is not affected
