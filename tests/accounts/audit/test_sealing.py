"""Every entry is sealed once, whatever the order in which transactions commit."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Event
from uuid import UUID

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.audit import SYSTEM, record, sealing
from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.audit.proof import prove_chain
from accounts.audit.sealing import LinkMissing, seal_all, seal_chain, write_links
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.audit.tampering import tamper
from tests.cast import Cast

NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")


def make_entries(tenant: Tenant, count: int = 1) -> list[UUID]:
    with tenant_scope(tenant.pk):
        return [record(f"probe.{number}", actor=SYSTEM).pk for number in range(count)]


def seals_of(tenant: Tenant) -> list[AuditSeal]:
    with tenant_scope(tenant.pk):
        return list(AuditSeal.objects.order_by("number"))


def place_of(entry_id: UUID) -> tuple[int | None, int | None]:
    with platform_scope("test"):
        link = AuditLink.objects.get(pk=entry_id)
    return link.number, link.position


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="chained", name="Chained")


def test_seals_go_on_from_one_another(tenant: Tenant) -> None:
    first = make_entries(tenant, 3)
    assert seal_chain(tenant.pk, NOW) == 3
    second = make_entries(tenant, 2)
    assert seal_chain(tenant.pk, NOW) == 2
    one, two = seals_of(tenant)
    assert [one.number, two.number] == [1, 2]
    assert [one.count, two.count] == [3, 2]
    assert [one.previous, two.previous] == ["", one.hash]
    assert (one.at, one.is_complete) == (NOW, True)
    assert [place_of(pk) for pk in first] == [(1, 0), (1, 1), (1, 2)]
    assert [place_of(pk) for pk in second] == [(2, 0), (2, 1)]


def test_nothing_to_seal_makes_no_seal(tenant: Tenant) -> None:
    assert seal_chain(tenant.pk, NOW) == 0
    assert seals_of(tenant) == []


def test_long_queues_are_sealed_in_batches(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    make_entries(tenant, 5)
    assert seal_chain(tenant.pk, NOW) == 5
    assert [seal.count for seal in seals_of(tenant)] == [2, 2, 1]
    # Only the last left nothing behind.
    assert [seal.is_complete for seal in seals_of(tenant)] == [False, False, True]


def test_an_exact_batch_is_complete(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    make_entries(tenant, 2)
    assert seal_chain(tenant.pk, NOW) == 2
    assert [seal.is_complete for seal in seals_of(tenant)] == [True]


def test_each_tenant_has_its_chain_and_the_platform_too(cast: Cast) -> None:
    with platform_scope("test"):
        record("probe.platform", actor=SYSTEM)
        waiting = AuditEntry.objects.count()
    assert seal_all(NOW) == waiting == 3
    assert seal_all(NOW) == 0
    for tenant_id in (cast.acme.tenant.pk, cast.globex.tenant.pk, None):
        proof = prove_chain(tenant_id)
        assert (proof.seals, proof.fault) == (1, None)


@pytest.mark.usefixtures("owned_database")
def test_an_entry_that_is_gone_holds_up_nobody(tenant: Tenant) -> None:
    gone, kept = make_entries(tenant, 2)
    tamper("DELETE FROM accounts_auditentry WHERE id = %s", gone)
    assert seal_chain(tenant.pk, NOW) == 2
    assert place_of(kept) == (1, 1)
    fault = prove_chain(tenant.pk).fault
    assert fault is not None
    assert (fault.wrong, fault.entry) == ("deleted", gone)


def test_a_seal_covers_what_is_stored_or_nothing(tenant: Tenant) -> None:
    (made,) = make_entries(tenant)
    with tenant_scope(tenant.pk):
        link = AuditLink.objects.get(pk=made)
        nowhere = AuditLink(pk=UUID(int=7), number=1, position=1, hash="h")
        link.number, link.position = 1, 0
        with pytest.raises(LinkMissing, match="1 links"), transaction.atomic():
            write_links([link, nowhere])
    assert place_of(made) == (None, None)


def test_the_log_holds_each_seal(tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    make_entries(tenant)
    with caplog.at_level(logging.INFO, "accounts.audit.sealing"):
        seal_chain(tenant.pk, NOW)
    assert seals_of(tenant)[0].hash in caplog.text


# --- with real transactions of several connections ----------------------------------------


@pytest.fixture
def committed(transactional_db: None) -> Tenant:
    return Tenant.objects.create(slug="chained", name="Chained")


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., object]]:
    """Start a function in a thread that has connections of its own."""

    def run(work: Callable[..., object], *args: object) -> object:
        try:
            return work(*args)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        yield lambda work, *args: pool.submit(run, work, *args)


def test_who_began_first_may_commit_last(
    committed: Tenant, elsewhere: Callable[..., object]
) -> None:
    """The late one has the smaller id and the earlier time, and is sealed all the same."""
    recorded, may_commit = Event(), Event()

    def slow() -> UUID:
        with transaction.atomic():
            (pk,) = make_entries(committed)
            recorded.set()
            assert may_commit.wait(30)
        return pk

    late = elsewhere(slow)
    assert recorded.wait(30)
    (early,) = make_entries(committed)
    assert seal_chain(committed.pk, timezone.now()) == 1
    assert place_of(early) == (1, 0)
    may_commit.set()
    late_id = late.result(30)  # type: ignore[attr-defined]
    assert late_id < early
    assert prove_chain(committed.pk).waiting == 1
    assert seal_chain(committed.pk, timezone.now()) == 1
    assert place_of(late_id) == (2, 0)
    proof = prove_chain(committed.pk)
    assert (proof.entries, proof.waiting, proof.fault) == (2, 0, None)


def test_a_rolled_back_act_leaves_no_link(committed: Tenant) -> None:
    with transaction.atomic():
        make_entries(committed)
        transaction.set_rollback(True)
    assert seal_chain(committed.pk, NOW) == 0
    assert prove_chain(committed.pk).fault is None


def test_sealers_at_once_do_no_harm(
    committed: Tenant, elsewhere: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    make_entries(committed, 20)
    together = Barrier(4)

    def seal() -> int:
        together.wait(30)
        return seal_chain(committed.pk, NOW)

    counts = [work.result(60) for work in [elsewhere(seal) for _ in range(4)]]  # type: ignore[attr-defined]
    left = seal_chain(committed.pk, NOW)
    assert sum(counts) + left == 20
    assert [seal.number for seal in seals_of(committed)] == list(
        range(1, len(seals_of(committed)) + 1)
    )
    assert prove_chain(committed.pk).fault is None


def test_a_chain_that_is_being_sealed_is_left_alone(
    committed: Tenant, elsewhere: Callable[..., object]
) -> None:
    make_entries(committed)
    with transaction.atomic():
        assert sealing.lock_chain(committed.pk)
        assert elsewhere(seal_chain, committed.pk, NOW).result(30) == 0  # type: ignore[attr-defined]
    assert seal_chain(committed.pk, NOW) == 1


def test_entries_are_made_while_a_chain_is_sealed(
    committed: Tenant, elsewhere: Callable[..., object]
) -> None:
    """Sealing puts nobody in single file."""
    make_entries(committed)
    with transaction.atomic():
        assert seal_chain(committed.pk, NOW) == 1
        made = elsewhere(make_entries, committed, 1).result(30)  # type: ignore[attr-defined]
    assert seal_chain(committed.pk, NOW + timedelta(minutes=1)) == len(made) == 1


@pytest.mark.usefixtures("owned_database")
def test_what_waits_is_found_by_an_index(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk), connection.cursor() as cursor:
        AuditLink.objects.bulk_create(AuditLink(number=1, position=n) for n in range(5000))
        AuditLink.objects.bulk_create(AuditLink() for _ in range(5))
        cursor.execute("ANALYZE accounts_auditlink")
        cursor.execute(
            "EXPLAIN SELECT id FROM accounts_auditlink WHERE tenant_id = %s AND number IS NULL "
            "ORDER BY id LIMIT 501",
            [tenant.pk],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Cond" in plan
    assert "Seq Scan" not in plan
