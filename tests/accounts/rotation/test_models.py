from dataclasses import fields

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.models import CredentialRotation
from accounts.rotation.progress import Problem, Progress, State
from accounts.tenancy import tenant_scope
from tests.accounts.rotation.bench import NOW, Bench

pytestmark = pytest.mark.django_db
WHY = Problem("why", "It is so.", "Do this.")


def test_a_row_holds_all_of_a_progress(bench: Bench) -> None:
    rotation = bench.request(bench.credential())
    begun = rotation.progress()
    assert begun == Progress(State.REQUESTED, NOW, begun.old_key)
    full = Progress(
        State.ROLLING_BACK,
        NOW,
        "old",
        by_itself=False,
        new_key="new",
        known_keys=("old", "other"),
        attempted_at=NOW,
        verified_at=NOW,
        retire_by=NOW,
        delete_at=NOW,
        doomed=("new",),
        old_disabled=True,
        problem=WHY,
        cause=WHY,
        tries=3,
        not_before=NOW,
    )
    defaults = [each.name for each in fields(Progress) if getattr(full, each.name) == each.default]
    assert defaults == [], "each field is given, so that none is forgotten"
    rotation.take(full)
    with tenant_scope(bench.tenant.pk):
        rotation.save()
    assert bench.read(rotation).progress() == full
    assert str(rotation) == "Rotation of main"


def test_a_credential_stays_while_its_key_is_rotated(bench: Bench) -> None:
    old = bench.credential()
    rotation = bench.request(old)
    with (
        tenant_scope(bench.tenant.pk),
        pytest.raises(ProtectedError, match="CredentialRotation"),
    ):
        old.delete()
    rotation.state, rotation.ended_at = State.ROLLED_BACK, NOW
    with tenant_scope(bench.tenant.pk):
        rotation.save()
        old.delete()
    assert bench.read(rotation).old is None


def test_a_credential_has_one_rotation_at_a_time(bench: Bench) -> None:
    rotation = bench.request(bench.credential())
    rotation.pk = None
    with tenant_scope(bench.tenant.pk), transaction.atomic(), pytest.raises(IntegrityError):
        CredentialRotation.objects.create(
            tenant=bench.tenant,
            old_id=rotation.old_id,
            old_version=1,
            since=NOW,
            due_at=NOW,
        )
