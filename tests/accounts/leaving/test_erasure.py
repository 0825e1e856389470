from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import DatabaseError, IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from accounts.audit.models import AuditSeal
from accounts.callers import ACTIVE_TENANT
from accounts.leaving import erasure
from accounts.leaving.departures import ask_to_leave
from accounts.leaving.erasure import AUDIT, NotEmpty, claim, erase, sweep_departures
from accounts.leaving.files import files_below, folder_of
from accounts.leaving.models import LEASE, Departure
from accounts.models import AuditEntry, Membership, Tenant, User
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from conversations.models import Event
from tests.accounts.leaving.kills import Kills, spread
from tests.accounts.leaving.stage import (
    Clock,
    add_conversations,
    furnish,
    left_in,
    made_archive,
    traces_of,
)
from tests.cast import Cast
from tests.conversations.talks import make_agent

pytestmark = pytest.mark.django_db
GRACE = timedelta(days=14)
# What is kept of a tenant, and where (`accounts.leaving.report.KEPT`).
KEPT_IN = {"accounts_departure", "accounts_auditentry"}


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def asked(cast: Cast, now: datetime) -> Departure:
    return ask_to_leave(cast.acme.tenant.pk, f"user:{cast.acme.owner.pk}", now)


def stored(departure: Departure) -> Departure:
    return Departure.objects.get(pk=departure.pk)


def count_all(tenant: Tenant) -> dict[str, int]:
    """What there is of a tenant: rows, files, people."""
    with platform_scope("test"):
        people = Membership.objects.filter(tenant=tenant).count()
    files = sum(1 for _ in files_below(folder_of(tenant.pk)))
    return {**left_in(tenant.pk), "files": files, "people": people}


def test_nothing_of_the_tenant_is_left(cast: Cast, furnished: str, clock: Clock) -> None:
    made_archive(cast.acme.tenant, clock)
    acme, people = cast.acme.tenant.pk, [cast.acme.owner.pk, cast.acme.member.pk]
    others = count_all(cast.globex.tenant)
    departure = asked(cast, clock.now)
    before = left_in(acme)
    clock.pass_by(days=14)
    assert erase(departure.pk, clock=clock, batch=2)
    assert set(traces_of(acme, *people)) == KEPT_IN
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(tenant=acme).exists()
    assert list(files_below(folder_of(acme))) == []
    assert count_all(cast.globex.tenant) == others
    assert not User.objects.filter(email__endswith="@acme.example").exists()
    done = stored(departure)
    assert (done.state, done.started_at, done.finished_at) == ("erased", clock.now, clock.now)
    for label, count in before.items():
        assert done.counts[label.lower()] >= count, label
    assert (done.counts["accounts.user"], done.counts["files"]) == (5, 2)
    assert done.report_to == []


def test_the_last_seal_is_kept(cast: Cast, furnished: str, clock: Clock) -> None:
    """Without it, nobody could say later that an archive's audit is whole."""
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    begun = claim(departure.pk, clock.now)
    assert begun is not None
    with tenant_scope(cast.acme.tenant.pk):
        assert AuditSeal.objects.count() == 1
    clock.pass_by(minutes=2)
    erase(departure.pk, clock=clock)
    done = stored(departure)
    assert done.final_seal_number == 2
    assert len(done.final_seal) == 64
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="departure.erased", tenant=None)
    assert entry.after is not None
    assert entry.after["final_seal"] == [2, done.final_seal]
    assert entry.after["counts"]["conversations.turn"] == 3
    assert entry.after["asked_by"] == f"user:{cast.acme.owner.pk}"


def test_before_its_time_nothing_happens(cast: Cast, furnished: str, clock: Clock) -> None:
    departure = asked(cast, clock.now)
    before = count_all(cast.acme.tenant)
    clock.now += GRACE - timedelta(seconds=1)
    assert not erase(departure.pk, clock=clock)
    assert count_all(cast.acme.tenant) == before
    assert stored(departure).state == "leaving"


def test_who_belongs_elsewhere_stays(cast: Cast, own_storage: Path, clock: Clock) -> None:
    cast.acme.developer.is_staff = True
    cast.acme.developer.save()
    with tenant_scope(cast.globex.tenant.pk):
        disabled = Membership.State.DISABLED
        Membership.objects.create(user=cast.acme.member, role=Role.MEMBER, state=disabled)
    sessions = [session_of(user, cast.acme.tenant) for user in (cast.acme.member, cast.acme.admin)]
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    erase(departure.pk, clock=clock)
    left = User.objects.filter(email__endswith="@acme.example").values_list("email", flat=True)
    assert sorted(left) == ["developer@acme.example", "member@acme.example"]
    assert SessionStore(sessions[0]).load() == {"kept": True}
    assert not Session.objects.filter(session_key=sessions[1]).exists()


def session_of(user: User, tenant: Tenant) -> str:
    session = SessionStore()
    session.update({ACTIVE_TENANT: str(tenant.pk), "kept": True})
    session.create()
    key = str(session.session_key)
    UserSession.objects.create(user=user, session_key=key, ip="127.0.0.1")
    return key


def test_the_owners_get_the_report(
    cast: Cast, own_storage: Path, clock: Clock, settings: Settings, tasks_run_at_once: None
) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    erase(departure.pk, clock=clock)
    [letter] = mail.outbox
    assert letter.to == [cast.acme.owner.email]
    assert letter.subject == "Parley: everything of Acme is deleted"
    assert "         5  accounts.user" in letter.body
    assert "What is kept, and why" in letter.body
    assert (stored(departure).report_to, stored(departure).is_reported) == ([], True)


def test_a_report_that_was_not_posted_is(
    cast: Cast, own_storage: Path, clock: Clock, settings: Settings, tasks_run_at_once: None
) -> None:
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    erase(departure.pk, clock=clock)
    # As if it was killed right before.
    Departure.objects.filter(pk=departure.pk).update(report_to=["a@b.example"], is_reported=False)
    settings.EMAIL_URL = "smtp://localhost"
    sweep_departures(clock.now)
    sweep_departures(clock.now)
    assert [each.to for each in mail.outbox] == [["a@b.example"]]


def test_the_sweeper_begins_what_is_due(
    cast: Cast, own_storage: Path, clock: Clock, tasks_run_at_once: None
) -> None:
    clock.pass_by(days=-15)
    departure = asked(cast, clock.now)
    sweep_departures(clock.now)
    assert stored(departure).state == "leaving"
    sweep_departures(clock.now + GRACE)
    assert stored(departure).state == "erased"
    assert not Tenant.objects.filter(pk=cast.acme.tenant.pk).exists()


def test_the_lease_decides_who_works(cast: Cast, own_storage: Path, clock: Clock) -> None:
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    slow = claim(departure.pk, clock.now)
    assert slow is not None
    assert claim(departure.pk, clock.now) is None
    clock.now += LEASE
    assert erase(departure.pk, clock=clock)
    with pytest.raises(erasure.LeaseLost):
        erasure._Erasure(slow, clock, 5)._count({"files": 1})  # noqa: SLF001
    assert claim(departure.pk, clock.now) is None


def test_rows_that_come_meanwhile_are_met_again(
    cast: Cast, furnished: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has not heard yet writes on, when all is gone but the tenant itself."""
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    came: list[int] = []

    def late() -> Any:
        with tenant_scope(cast.acme.tenant.pk):
            if not came and not AuditEntry.objects.exists():
                came.append(1)
                add_conversations(cast.acme, 1)
        return clock.now

    monkeypatch.setattr(erasure, "ROUNDS", 1)
    with pytest.raises(NotEmpty):
        erase(departure.pk, clock=late, batch=50)
    monkeypatch.undo()
    assert stored(departure).state == "erasing"
    came.clear()
    clock.now += LEASE
    assert erase(departure.pk, clock=late, batch=50)
    assert stored(departure).counts["conversations.conversation"] == 3
    assert not Tenant.objects.filter(pk=cast.acme.tenant.pk).exists()


# --- the audit --------------------------------------------------------------------------


def refused(*statements: str, named: Tenant) -> None:
    """The last of the statements is, in every scope, whatever tenant is said to be erased."""
    with platform_scope("test"), connection.cursor() as cursor:
        for statement in statements:
            with pytest.raises(DatabaseError, match=r"not being erased|refused|permission denied"):
                _as_erasing(cursor, statement, named)


def _as_erasing(cursor: Any, statement: str, named: Tenant) -> None:
    with transaction.atomic():
        cursor.execute("SELECT set_config('parley.erasing', %s, true)", [str(named.pk)])
        cursor.execute(statement)


def test_the_audit_of_a_tenant_that_stays_is_never_deleted(
    cast: Cast, furnished: str, clock: Clock
) -> None:
    """Raw SQL cannot, with every means that anybody can name."""
    acme, globex = cast.acme.tenant, cast.globex.tenant
    call = "SELECT accounts_erase_audit(current_setting('parley.erasing')::uuid, 9)"
    deletes = [f"DELETE FROM {model._meta.db_table}" for model in AUDIT.values()]  # noqa: S608
    refused(call, *deletes, named=acme)
    departure = asked(cast, clock.now)
    refused(call, *deletes, named=acme)  # in its grace time neither
    clock.pass_by(days=14)
    claim(departure.pk, clock.now)
    refused(call, *deletes, named=globex)
    refused(*deletes, named=acme)  # what is erased opens nobody else's


@pytest.mark.parametrize(
    "step",
    [
        "UPDATE accounts_departure SET state = 'erasing', started_at = asked_at",
        "UPDATE accounts_departure SET state = 'erasing'",
        "UPDATE accounts_departure SET erase_after = asked_at",
        "UPDATE accounts_departure SET tenant_id = id",
        "UPDATE accounts_departure SET state = 'erased'",
    ],
)
def test_the_database_keeps_the_grace_time(cast: Cast, clock: Clock, step: str) -> None:
    asked(cast, clock.now)
    refused(step, named=cast.acme.tenant)


def test_a_departure_begins_at_its_beginning(cast: Cast, clock: Clock) -> None:
    tenant, now = cast.globex.tenant.pk, clock.now
    with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
        Departure.objects.create(
            tenant_id=tenant, state="erasing", asked_at=now, erase_after=now, started_at=now
        )


# --- killed -----------------------------------------------------------------------------


@pytest.fixture
def kills(transactional_db: None, own_storage: Path) -> Iterator[Kills]:
    running = Kills(own_storage)
    yield running
    running.close()


def erase_with_kills(cast: Cast, kills: Kills, clock: Clock, times: int) -> None:
    """Kill it again and again, each time further on; then let it be."""
    furnish(cast.acme)
    furnish(cast.globex)
    add_conversations(cast.acme, 4 * times)
    others = count_all(cast.globex.tenant)
    departure = asked(cast, clock.now)
    rows = sum(left_in(cast.acme.tenant.pk).values())
    for number in spread(30, times):
        kills("erase", departure.pk, number)
        Departure.objects.filter(pk=departure.pk).update(lease_until=clock.now)
    clock.pass_by(days=30)
    assert erase(departure.pk, clock=clock)
    done = stored(departure)
    # Its rows, its people, itself, and what noted the beginning; each counted once.
    counted = done.rows_deleted - done.counts["accounts.user"] - done.counts["accounts.tenant"]
    assert counted == rows + 1
    assert set(traces_of(cast.acme.tenant.pk)) == KEPT_IN
    assert count_all(cast.globex.tenant) == others


def test_killed_it_goes_on(cast: Cast, keyset_file: Path, kills: Kills, clock: Clock) -> None:
    erase_with_kills(cast, kills, clock, 2)


@pytest.mark.full
def test_killed_twenty_times(cast: Cast, keyset_file: Path, kills: Kills, clock: Clock) -> None:
    erase_with_kills(cast, kills, clock, 20)


def test_no_lock_is_long(cast: Cast, own_storage: Path, clock: Clock) -> None:
    """Rows go in batches, each in a transaction of its own."""
    make_agent(cast.acme.tenant)
    add_conversations(cast.acme, 25)
    departure = asked(cast, clock.now)
    clock.pass_by(days=14)
    deleted: list[int] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if sql.startswith("DELETE FROM") and Event._meta.db_table in sql:
            deleted.append(context["cursor"].rowcount)
        return answer

    with connection.execute_wrapper(note):
        erase(departure.pk, clock=clock, batch=10)
    assert [count for count in deleted if count] == [10, 10, 5]
