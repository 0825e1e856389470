"""Each way to falsify the audit is found, and named."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.audit import SYSTEM, chain, proof, record, sealing
from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.audit.proof import BACKDATED_AFTER, Fault, Wrong, prove_chain
from accounts.audit.sealing import seal_chain
from accounts.ids import uuid7
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.audit.tampering import sealed_entries, sql, tamper, triggers_off

pytestmark = pytest.mark.usefixtures("owned_database")


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="chained", name="Chained")


@pytest.fixture
def entries(tenant: Tenant) -> list[AuditEntry]:
    """Nine entries in three seals of three."""
    return [entry for _ in range(3) for entry in sealed_entries(tenant, 3)]


def fault_of(tenant: Tenant) -> Fault:
    fault = prove_chain(tenant.pk).fault
    assert fault is not None
    return fault


def found(tenant: Tenant) -> tuple[Wrong, int | None, UUID | None]:
    fault = fault_of(tenant)
    return fault.wrong, fault.seal, fault.entry


def test_a_sound_chain(tenant: Tenant, entries: list[AuditEntry]) -> None:
    with tenant_scope(tenant.pk):
        waits = record("probe.waits", actor=SYSTEM)
        last = AuditSeal.objects.get(number=3)
    proved = prove_chain(tenant.pk)
    assert (proved.entries, proved.seals, proved.waiting) == (10, 3, 1)
    assert proved.waiting_since == waits.at
    assert proved.head == last
    assert proved.fault is None


def test_an_empty_chain(tenant: Tenant) -> None:
    proved = prove_chain(tenant.pk)
    assert (proved.entries, proved.seals, proved.waiting) == (0, 0, 0)
    assert (proved.waiting_since, proved.head, proved.fault) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'user:1'",
        "action = 'probe.other'",
        "at = at + interval '1 microsecond'",
        "object_type = 'x'",
        "object_id = 'x'",
        "reason = 'x'",
        "before = '{}'",
        'after = \'{"role": "owner"}\'',
        "ip = '192.0.2.1'",
        "user_agent = 'x'",
        "request_id = 'x'",
    ],
)
def test_a_changed_entry(tenant: Tenant, entries: list[AuditEntry], change: str) -> None:
    tamper(f"UPDATE accounts_auditentry SET {change} WHERE id = %s", entries[4].pk)  # noqa: S608
    assert found(tenant) == (Wrong.CHANGED, 2, entries[4].pk)


def test_an_entry_moved_to_another_tenant(tenant: Tenant, entries: list[AuditEntry]) -> None:
    other = Tenant.objects.create(slug="other", name="Other")
    statement = "UPDATE accounts_auditentry SET tenant_id = %s WHERE id = %s"
    tamper(statement, other.pk, entries[1].pk)
    assert found(tenant) == (Wrong.CHANGED, 1, entries[1].pk)
    assert found(other) == (Wrong.INSERTED, None, entries[1].pk)


@pytest.mark.parametrize("index", [0, 4, 8])
def test_a_deleted_entry(tenant: Tenant, entries: list[AuditEntry], index: int) -> None:
    tamper("DELETE FROM accounts_auditentry WHERE id = %s", entries[index].pk)
    assert found(tenant) == (Wrong.DELETED, index // 3 + 1, entries[index].pk)


def test_an_entry_deleted_with_its_link(tenant: Tenant, entries: list[AuditEntry]) -> None:
    for table in ("auditentry", "auditlink"):
        tamper(f"DELETE FROM accounts_{table} WHERE id = %s", entries[5].pk)  # noqa: S608
    assert found(tenant) == (Wrong.DELETED, 2, None)
    assert "3 entries, of which 2 are left" in str(fault_of(tenant))


def test_an_entry_deleted_before_it_was_sealed(tenant: Tenant, entries: list[AuditEntry]) -> None:
    with tenant_scope(tenant.pk):
        waits = record("probe.waits", actor=SYSTEM)
    tamper("DELETE FROM accounts_auditentry WHERE id = %s", waits.pk)
    assert found(tenant) == (Wrong.DELETED, None, waits.pk)


def insert(tenant: Tenant, entry_id: UUID) -> None:
    sql(
        "INSERT INTO accounts_auditentry (id, tenant_id, at, actor, action, object_type, "
        "object_id, reason, user_agent, request_id) "
        "VALUES (%s, %s, now(), 'user:1', 'probe.forged', '', '', '', '', '')",
        entry_id,
        tenant.pk,
    )


def test_an_entry_slipped_in_without_a_link(tenant: Tenant, entries: list[AuditEntry]) -> None:
    forged = uuid7()
    with triggers_off():
        insert(tenant, forged)
    assert found(tenant) == (Wrong.INSERTED, None, forged)


def test_an_entry_slipped_into_a_seal(tenant: Tenant, entries: list[AuditEntry]) -> None:
    forged = uuid7()
    insert(tenant, forged)
    with platform_scope("test"):
        digest = chain.entry_hash(AuditEntry.objects.get(pk=forged), 1)
    sql(
        "UPDATE accounts_auditlink SET number = 2, position = 3, hash = %s WHERE id = %s",
        digest,
        forged,
    )
    assert found(tenant) == (Wrong.INSERTED, 2, forged)


def test_an_entry_that_was_made_up_for_the_past(tenant: Tenant, entries: list[AuditEntry]) -> None:
    with tenant_scope(tenant.pk):
        past = timezone.now() - BACKDATED_AFTER - timedelta(minutes=1)
        forged = AuditEntry.objects.create(actor="user:1", action="probe.forged", at=past)
    assert seal_chain(tenant.pk, timezone.now()) == 1
    assert found(tenant) == (Wrong.INSERTED, 4, forged.pk)
    assert "did not find it" in str(fault_of(tenant))


def test_a_seal_that_left_something_proves_nothing_about_it(
    tenant: Tenant, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sealer was off for days: what it finds is old, and was not made up."""
    monkeypatch.setattr(sealing, "BATCH", 2)
    with tenant_scope(tenant.pk):
        for number in range(5):
            record(f"probe.{number}", actor=SYSTEM)
    assert seal_chain(tenant.pk, timezone.now() + 3 * BACKDATED_AFTER) == 5
    assert prove_chain(tenant.pk).fault is None


def test_entries_in_another_order(tenant: Tenant, entries: list[AuditEntry]) -> None:
    tamper(
        "UPDATE accounts_auditlink SET position = 3 - position WHERE id IN (%s, %s)",
        entries[1].pk,
        entries[2].pk,
    )
    assert found(tenant) == (Wrong.REORDERED, 1, entries[2].pk)


def test_entries_of_two_seals_exchanged(tenant: Tenant, entries: list[AuditEntry]) -> None:
    tamper(
        "UPDATE accounts_auditlink SET number = 3 - number WHERE id IN (%s, %s)",
        entries[0].pk,
        entries[3].pk,
    )
    assert found(tenant)[:2] == (Wrong.REORDERED, 1)


def renumber(tenant: Tenant, table: str) -> None:
    for before, after in ((1, 100), (2, 1), (100, 2)):
        tamper(
            f"UPDATE accounts_{table} SET number = %s WHERE number = %s AND tenant_id = %s",  # noqa: S608
            after,
            before,
            tenant.pk,
        )


def test_seals_in_another_order(tenant: Tenant, entries: list[AuditEntry]) -> None:
    renumber(tenant, "auditseal")
    renumber(tenant, "auditlink")
    assert found(tenant) == (Wrong.CHANGED, 1, None)


def test_a_seal_that_is_missing(tenant: Tenant, entries: list[AuditEntry]) -> None:
    tamper("DELETE FROM accounts_auditseal WHERE number = 2 AND tenant_id = %s", tenant.pk)
    assert found(tenant) == (Wrong.DELETED, 2, None)


def test_the_last_seal_is_missing(tenant: Tenant, entries: list[AuditEntry]) -> None:
    tamper("DELETE FROM accounts_auditseal WHERE number = 3 AND tenant_id = %s", tenant.pk)
    assert found(tenant) == (Wrong.DELETED, 3, None)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 second'",
        "count = 2",
        "count = 4",
        "is_complete = false",
        "previous = repeat('0', 64)",
        "hash = repeat('0', 64)",
        "form = 99",
    ],
)
def test_a_changed_seal(tenant: Tenant, entries: list[AuditEntry], change: str) -> None:
    tamper(f"UPDATE accounts_auditseal SET {change} WHERE number = 2 AND tenant_id = %s", tenant.pk)  # noqa: S608
    assert found(tenant)[1] == 2


def seal_anew(tenant: Tenant, number: int) -> None:
    """Make the hashes of one seal good again, as a careful forger does."""
    with platform_scope("test"):
        row = AuditSeal.objects.get(tenant=tenant, number=number)
        links = list(AuditLink.objects.filter(tenant=tenant, number=number).order_by("position"))
        for each in links:
            each.hash = chain.entry_hash(AuditEntry.objects.get(pk=each.pk), row.form)
            tamper("UPDATE accounts_auditlink SET hash = %s WHERE id = %s", each.hash, each.pk)
        before = AuditSeal.objects.filter(tenant=tenant, number=number - 1).first()
        row.previous = before.hash if before else ""
    tamper(
        "UPDATE accounts_auditseal SET hash = %s, previous = %s WHERE id = %s",
        chain.seal_hash(row, links),
        row.previous,
        row.pk,
    )


def test_a_careful_forger(tenant: Tenant, entries: list[AuditEntry]) -> None:
    with tenant_scope(tenant.pk):
        known = AuditSeal.objects.get(number=3).hash
    assert prove_chain(tenant.pk, known=known).fault is None
    tamper("UPDATE accounts_auditentry SET actor = 'user:1' WHERE id = %s", entries[0].pk)
    seal_anew(tenant, 1)
    # The first seal is good by itself, and the second still remembers another one.
    assert found(tenant) == (Wrong.CHANGED, 2, None)
    seal_anew(tenant, 2)
    seal_anew(tenant, 3)
    # All is good by itself now. What was noted elsewhere is missing.
    assert prove_chain(tenant.pk).fault is None
    fault = prove_chain(tenant.pk, known=known).fault
    assert fault is not None
    assert (fault.wrong, fault.seal) == (Wrong.DELETED, 3)


def test_other_tenants_are_not_blamed(tenant: Tenant, entries: list[AuditEntry]) -> None:
    other = Tenant.objects.create(slug="other", name="Other")
    sealed_entries(other, 2)
    tamper("UPDATE accounts_auditentry SET actor = 'x' WHERE id = %s", entries[0].pk)
    assert prove_chain(other.pk).fault is None


def test_long_chains_are_read_in_pages(
    tenant: Tenant, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "SEALS_AT_ONCE", 2)
    assert prove_chain(tenant.pk).fault is None
    tamper("UPDATE accounts_auditentry SET actor = 'x' WHERE id = %s", entries[7].pk)
    assert found(tenant) == (Wrong.CHANGED, 3, entries[7].pk)


def test_a_fault_says_where(tenant: Tenant) -> None:
    fault = Fault(Wrong.CHANGED, "It is not what was sealed.", 2, UUID(int=7))
    assert str(fault) == f"seal 2, entry {UUID(int=7)}: changed. It is not what was sealed."
