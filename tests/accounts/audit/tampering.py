"""What somebody could do to the audit who owns the database, and the audit itself must tell.

A test that uses this is marked `usefixtures("owned_database")`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.audit.models import AuditEntry
from accounts.audit.sealing import seal_chain
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope

TABLES = ("accounts_auditentry", "accounts_auditseal", "accounts_auditlink")


# A trigger's mode in pg_trigger.tgenabled, and how it is set.
MODES = {"A": "ENABLE ALWAYS", "O": "ENABLE", "R": "ENABLE REPLICA", "D": "DISABLE"}


@contextmanager
def triggers_off() -> Iterator[None]:
    """As the tables' owner can, on PostgreSQL."""
    modes = trigger_modes()
    for table in TABLES:
        sql(f"SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table, trigger, mode in modes:
        sql(f"ALTER TABLE {table} {MODES[mode]} TRIGGER {trigger}")


def trigger_modes() -> list[tuple[str, str, str]]:
    """Table, name and mode of each trigger of the audit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger "
            "WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY(%s)",
            [list(TABLES)],
        )
        return list(cursor.fetchall())


def sql(statement: str, *values: Any) -> int:
    """Run a statement. Returns how many rows it touched."""
    with platform_scope("tamper with the audit"), connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        touched: int = cursor.rowcount
    return touched


def tamper(statement: str, *values: Any) -> None:
    """Run a statement with the triggers off; it has to touch a row."""
    with triggers_off():
        assert sql(statement, *values) > 0


def sealed_entries(tenant: Tenant, count: int) -> list[AuditEntry]:
    """Entries of a tenant in one seal, in order."""
    with tenant_scope(tenant.pk):
        made = [record(f"probe.made-{number}", actor=SYSTEM) for number in range(count)]
    assert seal_chain(tenant.pk, timezone.now()) >= count
    return made
