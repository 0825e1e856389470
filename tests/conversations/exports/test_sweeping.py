from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from conversations.exports.files import folder_of
from conversations.exports.jobs import MOST_TRIES, claim
from conversations.exports.sweeping import delete_export, sweep_export_files, sweep_exports
from conversations.models import Export, ExportPart
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import (
    ASKER,
    asked,
    files_of,
    made,
    parts_of,
    stored,
    talk_a_lot,
    text,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def a_part(export: Export) -> None:
    """What a try that was killed has left."""
    name = default_storage.save(
        f"{folder_of(export.tenant_id, export.pk)}/x-000009.part", ContentFile(b"x")
    )
    with tenant_scope(export.tenant_id):
        ExportPart.objects.create(
            export=export, number=9, file=name, bytes=1, position=[], conversations=0, turns=0
        )


def test_it_sends_again_for_what_lies_about(
    cast: Cast, clock: Clock, tasks_run_at_once: None
) -> None:
    talk_a_lot(cast.acme, 2)
    waits, held = asked(cast.acme.tenant), asked(cast.acme.tenant)
    assert claim(held.pk, clock.now) is not None
    sweep_exports(clock.now)
    assert stored(waits).state == Export.State.READY
    assert text(stored(waits))
    assert stored(held).state == Export.State.RUNNING


def test_what_never_gets_on_is_given_up(cast: Cast, clock: Clock) -> None:
    export, full = asked(cast.acme.tenant), asked(cast.acme.tenant)
    a_part(export)
    with platform_scope("test"):
        Export.objects.update(tries=MOST_TRIES)
        Export.objects.filter(pk=full.pk).update(fault=Export.Fault.STORAGE)
    sweep_exports(clock.now)
    assert (stored(export).state, stored(export).fault) == ("failed", "gave-up")
    assert (stored(full).state, stored(full).fault) == ("failed", "storage")
    assert not parts_of(export)
    assert not files_of(export)
    assert claim(export.pk, clock.now) is None


def test_what_has_had_its_time_is_deleted(cast: Cast, clock: Clock) -> None:
    export = made(cast.acme.tenant, clock)
    assert export.expires_at is not None
    sweep_exports(export.expires_at - timedelta(seconds=1))
    assert files_of(export) == [export.file]
    a_part(export)
    sweep_exports(export.expires_at)
    assert (stored(export).state, stored(export).file) == ("expired", "")
    assert stored(export).sha256 == export.sha256, "what it was is still told"
    assert not parts_of(export)
    assert not files_of(export)


def test_a_row_that_goes_takes_its_files_with_it(
    cast: Cast, clock: Clock, django_capture_on_commit_callbacks: Any
) -> None:
    export, other = (made(cast.acme.tenant, clock) for _ in range(2))
    with tenant_scope(cast.acme.tenant.pk), django_capture_on_commit_callbacks(execute=True):
        delete_export(stored(export), ASKER)
        assert AuditEntry.objects.filter(action="export.deleted").count() == 1
    assert files_of(export) == []
    assert files_of(other) == [other.file]


def test_files_without_a_row_are_swept(cast: Cast, clock: Clock) -> None:
    kept = made(cast.acme.tenant, clock)
    waits = asked(cast.globex.tenant)
    a_part(waits)
    gone = folder_of(cast.acme.tenant.pk, uuid4())
    default_storage.save(f"{gone}/1.part", ContentFile(b"x"))
    assert sweep_export_files() == 1
    assert not default_storage.exists(f"{gone}/1.part")
    assert files_of(kept) == [kept.file]
    assert len(files_of(waits)) == 1
