"""The processes that host conversations."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

# A worker that has not reported for so long is not listed any more; its row goes later.
SEEN_TERM = timedelta(seconds=10)
FORGOTTEN_AFTER = timedelta(days=1)


class WorkerProcessQuerySet(models.QuerySet["WorkerProcess"]):
    def enrol(self, name: str, address: str, capacity: int) -> None:
        """A worker begins. Rows of those that were killed long ago go."""
        self.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
        self.create(name=name, address=address, capacity=capacity)

    def report(self, name: str, *, drained: bool, has_room: bool | None, lag_ms: int) -> bool:
        """A worker lives. Returns whether somebody has asked it to drain."""
        row = self.filter(name=name)
        row.update(seen_at=Now(), is_drained=drained, has_room=has_room, lag_ms=lag_ms)
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
    # Whether it takes one more conversation; None while it drains, when others are to come.
    has_room = models.BooleanField(null=True, default=True)
    # How late its event loop wakes, smoothed; conversations wait in it.
    lag_ms = models.PositiveIntegerField("lag in ms", default=0)

    objects = WorkerProcessQuerySet.as_manager()

    class Meta:
        verbose_name = "worker"

    def __str__(self) -> str:
        return self.name
