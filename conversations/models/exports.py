"""Exports of conversations: each is a job, the parts that it has written, and at last one file."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.tenancy import TenantOwned


class ExportFormat(models.TextChoices):
    JSONL = "jsonl", "JSON lines"
    CSV = "csv", "CSV"
    WEBVTT = "webvtt", "WebVTT"
    TXT = "txt", "Text"
    AUDIO = "audio", "Audio (WAV)"


class ExportSchedule(TenantOwned):
    """Exports that are asked for by the clock, each of the days before it.

    `next_at` is when the next ones are asked for: whoever moves it on asks.
    """

    class Every(models.TextChoices):
        DAY = "day", "Day"
        WEEK = "week", "Week (Monday to Sunday)"
        MONTH = "month", "Month"

    name = models.CharField(max_length=100)
    is_on = models.BooleanField("on", default=True)
    every = models.CharField(max_length=5, choices=Every, default=Every.DAY)
    hour = models.PositiveSmallIntegerField("hour (UTC)", default=2)
    formats = models.JSONField(default=list)
    is_redacted = models.BooleanField("redacted", default=False)
    # A `conversations.exports.wanted.Wanted`, without its times.
    wanted = models.JSONField(default=dict, blank=True, editable=False)
    keep_days = models.PositiveSmallIntegerField("keep for days", default=30)
    next_at = models.DateTimeField(editable=False)
    asked_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["name", "id"]
        indexes = [
            models.Index(
                fields=["next_at"], name="export_schedule_due", condition=models.Q(is_on=True)
            )
        ]

    def __str__(self) -> str:
        return self.name


class Export(TenantOwned):
    """One file with conversations, made part by part (`conversations.exports.jobs`).

    The file is an export once this row names it; what else lies in its folder is a part, or what
    a try that was killed has left.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    class Fault(models.TextChoices):
        STORAGE = "storage", "The storage did not take it. Ask the operator of this service."
        GAVE_UP = "gave-up", "It was tried often and did not get on. Ask for a smaller one."

    OPEN = (State.QUEUED, State.RUNNING)

    format = models.CharField(max_length=6, choices=ExportFormat)
    is_redacted = models.BooleanField("redacted", default=False)
    # A `conversations.exports.wanted.Wanted`.
    wanted = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    fault = models.CharField(max_length=8, choices=Fault, blank=True)
    # As the audit names who asked.
    asked_by = models.CharField(max_length=80)
    asked_at = models.DateTimeField(default=timezone.now)
    schedule = models.ForeignKey(
        ExportSchedule, models.SET_NULL, null=True, blank=True, related_name="exports"
    )
    # When the schedule asked for it, so that it does so once.
    due_at = models.DateTimeField(null=True)
    keep_days = models.PositiveSmallIntegerField()

    # Who works on it, and until when nobody else does. `tries` counts those without a new part.
    holder = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(default=timezone.now, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)

    conversations_done = models.PositiveBigIntegerField(default=0)
    conversations_expected = models.PositiveBigIntegerField(default=0)
    turns_done = models.PositiveBigIntegerField(default=0)
    turns_expected = models.PositiveBigIntegerField(default=0)

    # Its name in the storage, once the whole file is there.
    file = models.CharField(max_length=200, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="export_of_tenant"),
            models.Index(
                fields=["lease_until"],
                name="export_open",
                condition=models.Q(state__in=("queued", "running")),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_at", "format"], name="export_once_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_format_display()} of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100. What is said meanwhile is not in what was expected, and
        joining the parts is the last hundredth."""
        if self.state in {self.State.READY, self.State.EXPIRED}:
            return 100
        done, expected = self.conversations_done, self.conversations_expected
        if self.turns_expected:
            done, expected = self.turns_done, self.turns_expected
        return min(99, 100 * done // max(1, expected))


class ExportPart(TenantOwned):
    """A part of a file that is not whole yet: stored first, named by its row after.

    `position` is what the part ends with (`conversations.exports.pieces`). Parts go when the
    file is whole.
    """

    export = models.ForeignKey(Export, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    file = models.CharField(max_length=200)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    position = models.JSONField()
    conversations = models.PositiveBigIntegerField()
    turns = models.PositiveBigIntegerField()

    class Meta(TenantOwned.Meta):
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="export_part_once")
        ]

    def __str__(self) -> str:
        return f"part {self.number}"
