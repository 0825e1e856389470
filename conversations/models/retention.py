"""What must not be erased, and people of whom everything is."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import TenantOwned
from conversations.models.conversation import Conversation


class LegalHold(TenantOwned):
    """A reason why nothing of something may be erased, for as long as this row is there.

    `person` is a user's id. It is no foreign key, so that a hold stands in no other
    organisation's way.
    """

    class Covers(models.TextChoices):
        TENANT = "tenant", "The whole organisation"
        CONVERSATION = "conversation", "One conversation"
        PERSON = "person", "One of your people"
        END_USER = "end-user", "A user of your own program"

    covers = models.CharField(max_length=12, choices=Covers)
    conversation = models.ForeignKey(
        Conversation, models.PROTECT, null=True, blank=True, related_name="holds"
    )
    person = models.UUIDField(null=True, blank=True)
    end_user = models.CharField(max_length=128, blank=True)
    why = models.CharField("reason", max_length=300)
    placed_by = models.CharField(max_length=80, editable=False)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = "legal hold"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(covers="tenant", conversation=None, person=None, end_user="")
                | (Q(covers="conversation", person=None, end_user="") & ~Q(conversation=None))
                | (Q(covers="person", conversation=None, end_user="") & ~Q(person=None))
                | (Q(covers="end-user", conversation=None, person=None) & ~Q(end_user="")),
                name="legal_hold_covers_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_covers_display()} since {self.since:%Y-%m-%d}"


def on_hold(prefix: str = "") -> Exists:
    """The condition that a conversation is held. `prefix` leads from the rows that are asked
    for to their conversation, as "conversation__"."""

    def of(name: str) -> OuterRef:
        return OuterRef(f"{prefix}{name}")

    covered = (
        Q(covers=LegalHold.Covers.TENANT)
        | Q(conversation_id=of("pk"))
        | Q(person=of("user_id"))
        | Q(covers=LegalHold.Covers.END_USER, end_user=of("end_user"))
    )
    return Exists(LegalHold.objects.filter(covered, tenant_id=of("tenant_id")))


def lock_holds(tenant_id: UUID) -> Tenant:
    """Let nobody erase, place a hold or change what is kept meanwhile, in this transaction.

    Rows that point to the tenant are written all the same: no conversation waits for this.
    """
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)


class Erasure(TenantOwned):
    """That one person is erased everywhere: the job, and afterwards its report.

    A person of the organisation is named by the id, a program's user by that program's own id,
    until that is done; its SHA-256 stays, so that who knows the id can find the report.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped by a legal hold"
        DONE = "done", "Done"

    OPEN: ClassVar = (State.WAITING, State.RUNNING)

    person = models.UUIDField(null=True, blank=True)
    end_user = models.CharField(max_length=128, blank=True)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    asked_by = models.CharField(max_length=80)
    asked_at = models.DateTimeField(default=timezone.now)

    # Who works on it, and until when nobody else does.
    holder = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(default=timezone.now, editable=False)

    # What was erased, by noun.
    counts = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "erasure"
        verbose_name_plural = "erasures"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "fingerprint"],
                condition=Q(state__in=("waiting", "running")),
                name="erasure_one_open",
            )
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                name="erasure_open",
                condition=Q(state__in=("waiting", "running")),
            )
        ]

    def __str__(self) -> str:
        return f"{'person' if self.person else 'end user'} {self.fingerprint[:8]}"
