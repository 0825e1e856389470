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
from accounts.limits import LimitKind
from accounts.models import Credential
from accounts.tenancy import TenantManager, TenantOwned, TenantQuerySet
from conversations.states import (
    ConversationState,
    EndReason,
    Speaker,
    TokenKind,
    TurnState,
)

# A lease lasts this long and is renewed each second: expiry only lets others claim.
LEASE_TERM = timedelta(seconds=3)
# A worker that has not reported for so long is not listed any more; its row goes later.
SEEN_TERM = timedelta(seconds=10)
FORGOTTEN_AFTER = timedelta(days=1)
# A conversation keeps its place among those at the same time for so long after its lease ran
# out: while it waits for its first worker, and while it goes from one worker to the next.
PLACE_TERM = timedelta(seconds=30)


def choices(words: Iterable[str]) -> list[tuple[str, str]]:
    return [
        (str(word), str(word).replace("-", " ").replace("_", " ").capitalize()) for word in words
    ]


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
    # An `accounts.limits.Limits`: what all conversations with this agent may use.
    limits = models.JSONField(default=dict, blank=True, editable=False)
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


class BudgetNotice(TenantOwned):
    """Staff were told that a budget's soft or hard threshold was reached: once in its period.

    `subject` is the tenant or the agent whose budget it is, `since` the period's beginning.
    """

    subject = models.UUIDField()
    kind = models.CharField(max_length=24, choices=choices(LimitKind))
    since = models.DateTimeField()
    is_hard = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subject", "kind", "since", "is_hard"], name="budget_notice_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.since:%Y-%m-%d}"


class Amounts(models.Model):
    """How much was used: tokens by their kind, time, and what it costs as far as that is known.

    `cost_micros` are millionths of `currency`. Tokens that had no price are in their column and
    in `unpriced_tokens` too: where these are not 0, the cost is only what is known of it.
    """

    text_in = models.BigIntegerField(default=0)
    audio_in = models.BigIntegerField(default=0)
    image_in = models.BigIntegerField(default=0)
    video_in = models.BigIntegerField(default=0)
    other_in = models.BigIntegerField(default=0)
    text_out = models.BigIntegerField(default=0)
    audio_out = models.BigIntegerField(default=0)
    other_out = models.BigIntegerField(default=0)
    unpriced_tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    talked_ms = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        abstract = True


class Usage(Amounts, TenantOwned):
    """One report of the upstream, or a stretch of time with it; never changed, so it is counted
    once. Its time is the one since the row before, all of it in one `day` of UTC.

    The worker names the row when it notes it, so writing it again finds it written.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="usage")
    epoch = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    day = models.DateField()
    model = models.CharField(max_length=120)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "epoch", "number"], name="usage_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}"


class UsageDay(Amounts, TenantOwned):
    """What the tenant, one of its agents, or one of its people used on one day of UTC.

    It stays when conversations are deleted: it is what was billed. So `subject`, the tenant's,
    agent's or user's id, is no foreign key.
    """

    class Whose(models.TextChoices):
        TENANT = "tenant", "Organisation"
        AGENT = "agent", "Agent"
        USER = "user", "Person"

    whose = models.CharField(max_length=6, choices=Whose.choices)
    subject = models.UUIDField()
    day = models.DateField()

    class Meta(TenantOwned.Meta):
        verbose_name = "usage"
        verbose_name_plural = "usage"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "subject", "day"], name="usage_day_once")
        ]
        indexes = [
            # No column of the sums is in an index, so that adding to a row touches none.
            models.Index(fields=["tenant", "whose", "day"], name="usage_days_of_tenant"),
            models.Index(fields=["whose", "day"], name="usage_days_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.whose} {self.subject} on {self.day}"


class Price(models.Model):
    """What a million tokens of a kind cost with a model, from a day on. The whole platform's.

    `model` is a model's name without its path; with `*` at its end, of all that begin so. A price
    of None says that it is not known: what it would cost stays unknown too.
    """

    model = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=choices(TokenKind))
    micros_per_million = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    valid_from = models.DateField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["model", "kind", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "kind", "valid_from"], name="price_once_from_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}, {self.get_kind_display()}"


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
            worker="", address="", credential=None, expires_at=Now()
        )

    def retire(self, conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
        """The conversation has ended: nobody will host it again, and its handle goes too."""
        self.filter(conversation_id=conversation_id, worker=worker, epoch=epoch).delete()

    def with_place(self) -> LeaseQuerySet:
        """The conversations that count as being held at the same time: a worker hosts them, or
        did, or was asked to, less than PLACE_TERM ago. One that is paused for longer counts
        again when it is continued."""
        recent = self.filter(expires_at__gt=Now() - PLACE_TERM)
        return recent.exclude(conversation__state=ConversationState.ENDED)

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
    # What the session runs on, while a worker has it: a key is not deleted under a session.
    credential = models.ForeignKey(
        Credential, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
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


class WorkerProcessQuerySet(models.QuerySet["WorkerProcess"]):
    def enrol(self, name: str, address: str, capacity: int) -> None:
        """A worker begins. Rows of those that were killed long ago go."""
        self.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
        self.create(name=name, address=address, capacity=capacity)

    def report(self, name: str, *, drained: bool) -> bool:
        """A worker lives. Returns whether somebody has asked it to drain."""
        row = self.filter(name=name)
        row.update(seen_at=Now(), is_drained=drained)
        return row.exclude(drain_asked_at=None).exists()

    def living(self) -> WorkerProcessQuerySet:
        return self.filter(seen_at__gt=Now() - SEEN_TERM)


class WorkerProcess(models.Model):
    """A process that hosts conversations, idle or not. It belongs to the platform.

    `drain_asked_at` is how an operator asks it to take nothing new and to hand on what it has:
    a fact here first, which the worker reads with its report each second.
    """

    name = models.CharField(max_length=80, primary_key=True)
    address = models.CharField("link address", max_length=120)
    capacity = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField("last seen", db_default=Now())
    drain_asked_at = models.DateTimeField(null=True, blank=True)
    is_drained = models.BooleanField(default=False)

    objects = WorkerProcessQuerySet.as_manager()

    class Meta:
        verbose_name = "worker"

    def __str__(self) -> str:
        return self.name
