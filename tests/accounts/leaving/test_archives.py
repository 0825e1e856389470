import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import default_storage
from django.db import transaction
from pytest_django.fixtures import Settings

from accounts.audit import SYSTEM
from accounts.leaving.archives import (
    MOST_TRIES,
    ArchiveRefused,
    ask_for_archive,
    claim,
    make,
    sweep_archives,
)
from accounts.leaving.files import files_below, folder_of
from accounts.leaving.models import LEASE, Archive
from accounts.models import AuditEntry, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from tests.accounts.leaving.kills import Kills, spread
from tests.accounts.leaving.stage import (
    GEMINI_SECRET,
    Clock,
    add_conversations,
    after_lease,
    furnish,
    lines,
    made_archive,
    stored,
    unzipped,
)
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def asked(tenant: Tenant) -> Archive:
    with tenant_scope(tenant.pk):
        return ask_for_archive(tenant, SYSTEM)


def archive_files(tenant: Tenant) -> list[str]:
    return [name for name in files_below(folder_of(tenant.pk)) if "/archives/" in name]


def test_an_archive_is_what_its_manifest_says(cast: Cast, furnished: str, clock: Clock) -> None:
    archive = made_archive(cast.acme.tenant, clock, page=2)
    files = unzipped(archive)
    manifest = json.loads(files.pop("manifest.json"))
    assert files.pop("README.txt").startswith(b"Everything of Acme (acme)")
    told = {each["name"]: each for each in manifest["files"]}
    assert set(told) == set(files)
    for name, data in files.items():
        assert told[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert told[name]["bytes"] == len(data)
        if name.endswith(".jsonl"):
            rows = lines(data)
            assert told[name]["rows"] == len(rows)
            assert all(list(row) == told[name]["fields"] for row in rows)
    with default_storage.open(archive.file) as file:
        assert archive.sha256 == hashlib.sha256(file.read()).hexdigest()
    assert default_storage.size(archive.file) == archive.bytes
    assert archive_files(cast.acme.tenant) == [archive.file]
    assert archive.expires_at == clock.now + timedelta(days=7)


def test_no_secret_and_no_other_tenant_is_in_it(
    cast: Cast, furnished: str, clock: Clock, settings: Settings
) -> None:
    everything = b"".join(unzipped(made_archive(cast.acme.tenant, clock)).values()).decode(
        errors="replace"
    )
    key_secret = cast.acme.api_key.rpartition("_")[2]
    hashes = [hashlib.sha256(each.encode()).hexdigest() for each in (furnished, key_secret)]
    for secret in (
        GEMINI_SECRET,
        furnished,
        key_secret,
        *hashes,
        PASSWORD,
        cast.acme.owner.password,
    ):
        assert secret not in everything
    assert "globex" not in everything.lower()
    assert str(cast.globex.tenant.pk) not in everything
    assert cast.acme.owner.email in everything
    assert "two pairs in Lyon" in everything


def test_it_is_told_and_noted(
    cast: Cast,
    own_storage: Path,
    clock: Clock,
    settings: Settings,
    tasks_run_at_once: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    clock.pass_by(seconds=5)
    archive = asked(cast.acme.tenant)
    with django_capture_on_commit_callbacks(execute=True):
        make(archive.pk, clock=clock)
    assert {each.to[0] for each in mail.outbox} == {cast.acme.owner.email}, "who may fetch it"
    assert mail.outbox[0].subject == "Parley: the archive of Acme is ready"
    with tenant_scope(cast.acme.tenant.pk):
        acts = AuditEntry.objects.filter(action__startswith="archive.").order_by("at")
        assert [act.action for act in acts] == ["archive.asked-for", "archive.made"]


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_one_is_made_at_a_time(cast: Cast, own_storage: Path) -> None:
    asked(cast.acme.tenant)
    with pytest.raises(ArchiveRefused), transaction.atomic():
        asked(cast.acme.tenant)
    assert asked(cast.globex.tenant).is_open


def test_the_lease_decides_who_works(cast: Cast, own_storage: Path, clock: Clock) -> None:
    clock.pass_by(seconds=5)
    archive = asked(cast.acme.tenant)
    first = claim(archive.pk, clock.now)
    assert first is not None
    assert claim(archive.pk, clock.now) is None
    assert not make(archive.pk, clock=clock)
    assert make(archive.pk, clock=after_lease(clock.now))
    assert not make(archive.pk, clock=after_lease(clock.now + LEASE))  # it is done
    assert stored(archive).tries == 2


def test_who_lost_the_lease_gives_up_and_leaves_nothing(
    cast: Cast, furnished: str, clock: Clock
) -> None:
    """A slow holder goes on after another one has finished."""
    clock.pass_by(seconds=5)
    archive = asked(cast.acme.tenant)
    others: list[bool] = []

    def slow() -> Any:
        clock.pass_by(seconds=2)
        if clock.now - start > timedelta(seconds=9) and not others:
            others.append(True)
            assert make(archive.pk, clock=after_lease(clock.now))
        return clock.now

    start = clock.now
    assert not make(archive.pk, clock=slow, page=2)
    assert others == [True]
    assert archive_files(cast.acme.tenant) == [stored(archive).file]
    assert unzipped(stored(archive))["manifest.json"]


def test_progress_is_told(cast: Cast, furnished: str, clock: Clock) -> None:
    add_conversations(cast.acme, 40)
    clock.pass_by(seconds=5)
    archive = asked(cast.acme.tenant)
    seen: list[tuple[int, str]] = []

    def steps() -> Any:
        clock.pass_by(seconds=1)
        row = stored(archive)
        seen.append((row.percent, row.part))
        return clock.now

    assert make(archive.pk, clock=steps, page=5)
    percents = [percent for percent, _ in seen]
    assert percents == sorted(percents)
    assert len(set(percents)) > 5
    assert "conversations.event.jsonl" in {part for _, part in seen}


def test_the_sweeper(cast: Cast, furnished: str, clock: Clock, tasks_run_at_once: None) -> None:
    """It sends again for what lies about, gives up what fails for ever, deletes what is old."""
    tenant = cast.acme.tenant
    archive = asked(tenant)
    sweep_archives(clock.now + timedelta(minutes=1))
    ready = stored(archive)
    assert ready.state == Archive.State.READY
    newer = made_archive(tenant, after_lease(clock.now))
    assert stored(ready).state == Archive.State.EXPIRED
    sweep_archives(clock.now)
    assert archive_files(tenant) == [newer.file]
    sweep_archives(newer.expires_at)
    assert (stored(newer).state, stored(newer).file) == (Archive.State.EXPIRED, "")
    assert archive_files(tenant) == []
    hopeless = asked(tenant)
    with tenant_scope(tenant.pk):
        Archive.objects.filter(pk=hopeless.pk).update(tries=MOST_TRIES)
    sweep_archives(hopeless.lease_until)
    assert stored(hopeless).state == Archive.State.FAILED


# --- killed -----------------------------------------------------------------------------


@pytest.fixture
def kills(transactional_db: None, own_storage: Path) -> Iterator[Kills]:
    running = Kills(own_storage)
    yield running
    running.close()


def make_with_kills(cast: Cast, kills: Kills, times: int) -> None:
    """Kill it again and again, at another point each time; then let it be."""
    furnish(cast.acme)
    tenant = cast.acme.tenant
    first = asked(tenant)
    statements = kills.count("make", first.pk)
    archive = asked(tenant)
    for number in spread(statements, times):
        kills("make", archive.pk, number)
        assert stored(archive).state == Archive.State.RUNNING
        with platform_scope("test"):
            Archive.objects.filter(pk=archive.pk).update(lease_until=archive.asked_at)
    assert make(archive.pk, clock=after_lease(archive.asked_at + timedelta(days=30)))
    files = unzipped(stored(archive))
    assert len(json.loads(files["manifest.json"])["files"]) == len(files) - 2
    with tenant_scope(tenant.pk):
        sweep_archives(stored(archive).ready_at)
    assert archive_files(tenant) == [stored(archive).file]


def test_killed_it_ends_as_one_whole_file(cast: Cast, keyset_file: Path, kills: Kills) -> None:
    make_with_kills(cast, kills, 2)


@pytest.mark.full
def test_killed_twenty_times(cast: Cast, keyset_file: Path, kills: Kills) -> None:
    make_with_kills(cast, kills, 20)
