"""The jobs of leaving: each is a row, and the message that starts its task only a hint."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.ids import uuid7
from accounts.tenancy import TenantOwned

# Whoever works on a job renews its lease with each step; once that ran out, another one takes it.
LEASE = timedelta(seconds=60)


class Archive(TenantOwned):
    """One file with everything of a tenant, made by a task (`accounts.leaving.archives`)."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Being made"
        READY = "ready", "Ready"
        EXPIRED = "expired", "Deleted"
        FAILED = "failed", "Failed"

    OPEN = (State.WAITING, State.RUNNING)

    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    asked_by = models.CharField(max_length=64)
    asked_at = models.DateTimeField(default=timezone.now)

    # Who works on it, and until when nobody else does. A new try has a new holder.
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)

    part = models.CharField(max_length=100, blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    rows_expected = models.PositiveBigIntegerField(default=0)

    # Its name in the storage, once the whole file is there. No other file is an archive.
    file = models.CharField(max_length=200, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant",),
                condition=Q(state__in=("waiting", "running")),
                name="archive_one_open",
            ),
        )

    def __str__(self) -> str:
        return f"archive of {self.asked_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def percent(self) -> int:
        """How far it is, 0 to 99: rows that came meanwhile are not in what was expected."""
        return min(99, 100 * self.rows_done // max(1, self.rows_expected))


class Departure(models.Model):
    """A tenant was asked to be deleted; afterwards the report on that.

    It belongs to the platform and names its tenant without a foreign key, because it is what is
    left of it. Its states are kept by triggers too (migration 0060): a departure begins as
    LEAVING, and becomes ERASING only after its grace time. Then, and only then, the database
    lets the tenant's audit be deleted.
    """

    class State(models.TextChoices):
        LEAVING = "leaving", "Leaving"
        TAKEN_BACK = "taken-back", "Taken back"
        ERASING = "erasing", "Being deleted"
        ERASED = "erased", "Deleted"

    OPEN = (State.LEAVING, State.ERASING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField("tenant", db_index=True)
    slug = models.CharField(max_length=50)
    name = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State, default=State.LEAVING)
    asked_by = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    erase_after = models.DateTimeField()
    taken_back_by = models.CharField(max_length=64, blank=True)
    taken_back_at = models.DateTimeField(null=True)

    holder = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(default=timezone.now, editable=False)

    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # What was deleted: rows by table, and `files`.
    counts = models.JSONField(default=dict)
    # The newest seal of the tenant's audit, made right before the audit was deleted.
    final_seal_number = models.PositiveIntegerField(null=True)
    final_seal = models.CharField(max_length=64, blank=True)
    # The owners' addresses, until the report is on its way to them.
    report_to = models.JSONField(default=list, editable=False)
    is_reported = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id",),
                condition=Q(state__in=("leaving", "erasing")),
                name="departure_one_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.get_state_display().lower()})"

    @property
    def rows_deleted(self) -> int:
        return sum(count for table, count in self.counts.items() if table != "files")
