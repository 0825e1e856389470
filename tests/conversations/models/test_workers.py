"""Worker processes: who lives, who is listed, who was asked to drain."""

from __future__ import annotations

import pytest
from django.utils import timezone

from conversations.models import WorkerProcess
from tests.conversations.talks import ago

pytestmark = pytest.mark.django_db


def test_a_silent_worker_is_not_listed_and_a_lost_one_is_forgotten() -> None:
    for name in ("silent", "lost"):
        WorkerProcess.objects.enrol(name, f"tcp://{name}:1", 10)
    WorkerProcess.objects.filter(name="silent").update(seen_at=ago(seconds=11))
    WorkerProcess.objects.filter(name="lost").update(seen_at=ago(days=2))
    WorkerProcess.objects.enrol("new", "tcp://new:1", 10)
    assert set(WorkerProcess.objects.values_list("name", flat=True)) == {"silent", "new"}
    assert [worker.name for worker in WorkerProcess.objects.living()] == ["new"]


def test_a_report_brings_what_the_operator_asked() -> None:
    WorkerProcess.objects.enrol("w", "tcp://w:1", 10)
    assert not WorkerProcess.objects.report("w", drained=False, has_room=False, lag_ms=12)
    row = WorkerProcess.objects.get()
    assert (row.is_drained, row.has_room, row.lag_ms) == (False, False, 12)
    WorkerProcess.objects.update(drain_asked_at=timezone.now())
    assert WorkerProcess.objects.report("w", drained=True, has_room=None, lag_ms=0)
    row = WorkerProcess.objects.get()
    assert (row.is_drained, row.has_room, row.lag_ms) == (True, None, 0)
