from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core import mail

from accounts.models import AuditEntry
from accounts.rotation.outcomes import TELL_AFTER_TRIES, move
from accounts.rotation.progress import Problem, State
from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from tests.accounts.rotation.bench import NOW, Bench

pytestmark = pytest.mark.django_db
WHY = Problem("permission_denied", "It may not.", "Grant the role.")


@pytest.fixture
def posted(settings: Any, django_capture_on_commit_callbacks: Any) -> Iterator[Callable[..., str]]:
    """Run something, and return the letters that it has brought about."""
    settings.EMAIL_URL = "smtp://localhost"
    app.conf.task_always_eager = True

    def run(act: Callable[[], object]) -> str:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            act()
        return "\n".join(f"{each.subject}\n{each.body}" for each in mail.outbox)

    yield run
    app.conf.task_always_eager = False


def test_the_letters_of_a_rotation(bench: Bench, posted: Callable[..., str]) -> None:
    rotation = bench.request(bench.credential(is_primary=True), by_itself=False)
    text = posted(lambda: bench.advance(rotation))
    assert "is verified, and waits for you" in text
    found = bench.read(rotation)

    def enter(state: State, **changes: Any) -> str:
        def act() -> None:
            with tenant_scope(bench.tenant.pk):
                row = bench.read(found)
                move(row, replace(row.progress(), state=state, **changes), NOW)

        return posted(act)

    assert enter(State.RETIRING) == ""
    assert enter(State.RETIRING, problem=WHY, tries=TELL_AFTER_TRIES - 1) == ""
    stuck = enter(State.RETIRING, problem=WHY, tries=TELL_AFTER_TRIES)
    assert "does not get on" in stuck
    assert "What to do: Grant the role." in stuck
    assert enter(State.RETIRING, problem=WHY, tries=TELL_AFTER_TRIES + 1) == ""
    assert enter(State.ROLLING_BACK, problem=None, cause=WHY) == ""
    over = enter(State.ROLLED_BACK, problem=WHY)
    assert "was not rotated" in over
    assert str(found.pk) in over
    assert "PRIVATE" not in text + stuck + over


def test_who_demanded_a_step_stands_in_the_audit(bench: Bench) -> None:
    rotation = bench.request(bench.credential())
    with tenant_scope(bench.tenant.pk):
        progress = replace(rotation.progress(), state=State.ROLLED_BACK, problem=WHY)
        move(rotation, progress, NOW, actor="user:x")
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="rotation.rolled-back")
    assert entry.actor == "user:x"
    assert entry.after is not None
    assert entry.after["problem"] == "permission_denied"
    assert entry.object_id == str(rotation.old_id)
    assert rotation.ended_at == NOW
