"""The database refuses what must not happen to the audit, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.audit.models import AppendOnly, AuditEntry, AuditLink, AuditSeal
from accounts.audit.sealing import seal_chain
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.audit.tampering import sealed_entries, sql
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("owned_database")


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    sealed_entries(cast.acme.tenant, 2)
    return cast.acme.tenant


@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_auditseal"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("rows", ["", " WHERE false"])
def test_rows_stay_as_they_are(acme: Tenant, table: str, statement: str, rows: str) -> None:
    told = rf"{table} is append-only: (UPDATE|DELETE) is refused"
    with pytest.raises(IntegrityError, match=told), transaction.atomic():
        sql(statement.format(table) + rows)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM accounts_auditlink WHERE number IS NULL",
        "UPDATE accounts_auditlink SET number = 9 WHERE number IS NOT NULL",
        "UPDATE accounts_auditlink SET number = NULL WHERE number IS NOT NULL",
        "UPDATE accounts_auditlink SET tenant_id = NULL WHERE number IS NULL",
        "UPDATE accounts_auditlink SET id = gen_random_uuid() WHERE number IS NULL",
    ],
)
def test_a_link_is_filled_once(acme: Tenant, statement: str) -> None:
    with tenant_scope(acme.pk):
        record("probe.waits", actor=SYSTEM)
    with pytest.raises(IntegrityError, match="is append-only"), transaction.atomic():
        sql(statement)


@pytest.mark.parametrize(
    "table", ["accounts_auditentry", "accounts_auditseal", "accounts_auditlink"]
)
def test_tables_are_not_emptied(acme: Tenant, table: str) -> None:
    # This database lets the tests' flushes pass; here the trigger is as it is everywhere else.
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_no_truncate")
    with pytest.raises(IntegrityError, match="TRUNCATE is refused"), transaction.atomic():
        sql(f"TRUNCATE {table}")


def test_the_triggers_are_always_on(db: None) -> None:
    """Also for a session that replicates; only the truncation's are off, in this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
            "WHERE tgname LIKE 'audit%' AND tgenabled <> 'A' ORDER BY 1, 2"
        )
        assert [name for _, name in cursor.fetchall()] == [
            "audit_link",
            *["audit_no_truncate"] * 3,
        ]


def test_every_entry_gets_its_link(acme: Tenant) -> None:
    with tenant_scope(acme.pk):
        entry = record("probe.made", actor=SYSTEM)
        link = AuditLink.objects.get(pk=entry.pk)
    assert (link.tenant_id, link.number, link.hash) == (acme.pk, None, "")


def test_a_table_of_that_name_elsewhere_gets_none(acme: Tenant) -> None:
    sql("CREATE TEMPORARY TABLE accounts_auditlink (LIKE accounts_auditlink)")
    with tenant_scope(acme.pk):
        entry = record("probe.made", actor=SYSTEM)
    assert sql("SELECT 1 FROM public.accounts_auditlink WHERE id = %s", entry.pk) == 1


def test_seals_are_only_appended(acme: Tenant) -> None:
    with tenant_scope(acme.pk):
        seal = AuditSeal.objects.get()
        for act in (seal.save, seal.delete, AuditSeal.objects.all().delete):
            with pytest.raises(AppendOnly), transaction.atomic():
                act()
        with pytest.raises(AppendOnly):
            AuditSeal.objects.update(count=0)


@pytest.mark.parametrize("tenant", ["acme", None])
def test_two_seals_have_not_one_number(acme: Tenant, tenant: str | None) -> None:
    owner = acme if tenant else None
    fields = {"form": 1, "count": 0, "is_complete": True, "hash": "0" * 64}
    with platform_scope("test"):
        new = [AuditSeal(tenant=owner, number=8, at=timezone.now(), **fields) for _ in range(2)]
        new[0].save()
        with pytest.raises(IntegrityError), transaction.atomic():
            new[1].save()


def test_entries_with_their_seals(acme: Tenant) -> None:
    with tenant_scope(acme.pk):
        record("probe.waits", actor=SYSTEM)
        rows = AuditEntry.objects.with_seals().order_by("id")
        numbers = list(rows.values_list("action", "seal_number"))  # type: ignore[misc]
    assert numbers[-2:] == [("probe.made-1", 1), ("probe.waits", None)]


def test_the_platform_has_a_chain_too(cast: Cast) -> None:
    with platform_scope("test"):
        record("probe.made", actor=SYSTEM)
    assert seal_chain(None, timezone.now()) == 1
