from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail

from accounts.models import Credential, CredentialRotation
from accounts.rotation.progress import State
from accounts.rotation.schedule import (
    AGAIN_AFTER,
    REMIND_EVERY,
    begin_due_rotations,
    remind,
    set_schedule,
)
from accounts.tenancy import tenant_scope
from config.celery import app
from tests.accounts.rotation.bench import ACTOR, NOW, Bench

pytestmark = pytest.mark.django_db


@pytest.fixture
def letters(settings: object, django_capture_on_commit_callbacks: object) -> Iterator[None]:
    settings.EMAIL_URL = "smtp://localhost"  # type: ignore[attr-defined]
    app.conf.task_always_eager = True
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        yield
    app.conf.task_always_eager = False


def scheduled(bench: Bench, days: int | None = 30, *, by_itself: bool = True) -> Credential:
    credential = bench.credential(is_primary=True)
    with tenant_scope(bench.tenant.pk):
        set_schedule(credential, days, by_itself=by_itself, actor=ACTOR)
    return credential


def test_a_key_is_rotated_when_it_is_due(bench: Bench) -> None:
    credential = scheduled(bench)
    assert begin_due_rotations(NOW + timedelta(days=29)) == 0
    due = NOW + timedelta(days=30)
    assert begin_due_rotations(due) == 1
    assert begin_due_rotations(due) == 0, "it is under way"
    assert bench.audited() == ["rotation.scheduled", "rotation.requested"]
    assert credential.rotation_due_at == due


def test_one_that_was_rolled_back_is_tried_again_a_day_later(bench: Bench) -> None:
    credential = scheduled(bench)
    due = NOW + timedelta(days=30)
    bench.now = due
    begin_due_rotations(due)
    with tenant_scope(bench.tenant.pk):
        CredentialRotation.objects.update(state=State.ROLLED_BACK, ended_at=due)
    assert begin_due_rotations(due + AGAIN_AFTER / 2) == 0
    assert begin_due_rotations(due + AGAIN_AFTER) == 1
    assert credential.rotates_by_itself


def test_no_schedule_and_one_that_only_reminds(bench: Bench) -> None:
    scheduled(bench, None)
    assert begin_due_rotations(NOW + timedelta(days=999)) == 0
    with tenant_scope(bench.tenant.pk):
        Credential.objects.update(is_primary=False)
    scheduled(bench, by_itself=False)
    assert begin_due_rotations(NOW + timedelta(days=999)) == 0


@pytest.mark.parametrize("days", [0, 6, 366])
def test_a_schedule_that_is_none(bench: Bench, days: int) -> None:
    with pytest.raises(ValueError, match="Between"):
        scheduled(bench, days)


def test_a_reminder_before_it_rotates_by_itself(bench: Bench) -> None:
    scheduled(bench)
    assert remind(NOW + timedelta(days=20)) == 0
    assert remind(NOW + timedelta(days=24)) == 1
    assert remind(NOW + timedelta(days=25)) == 0


def test_reminders_of_what_is_done_by_hand(
    bench: Bench, letters: None, django_capture_on_commit_callbacks: object
) -> None:
    scheduled(bench, by_itself=False)
    due = NOW + timedelta(days=30)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert remind(due) == 1
        assert remind(due + REMIND_EVERY / 2) == 0
        assert remind(due + REMIND_EVERY) == 1
    assert {each.to[0] for each in mail.outbox} == {"owner@acme.example", "admin@acme.example"}
    assert "main is to be rotated" in mail.outbox[0].subject
    assert "does not rotate by itself" in mail.outbox[0].body
