"""Row security, composite foreign keys and grants: what keeps tenants apart in the database.

`bring_up_to_date` makes them from the models, after each migration, so that a new tenant-owned
model needs nothing of its own. What is there already is left alone.

- **Row security**, forced on the owner too: a statement touches the rows whose tenant is the
  scope's (`accounts.postgresql.cursors` tells it), all rows in a platform scope, otherwise none.
- **Composite foreign keys**: (tenant, row) of a foreign key between tenant-owned models refers
  to (tenant, id), so no row points into another tenant, whoever writes it. They stand beside
  Django's own, deferred like them.
- **Grants**: the application's role reads and writes rows, no more. A model may say less with
  `database_privileges`, as the audit's do.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from accounts.postgresql.cursors import PLATFORM, SCOPE_SETTING
from accounts.tenancy import TenantOwned, is_tenant_link

ALL_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
LOCK = 0x7061726C65793031  # any number that nothing else locks

# Each value is asked for once a statement, not once a row: a scalar subquery is. '' is what a
# setting holds that was set in an earlier transaction.
_TENANT = (
    f"(SELECT nullif(nullif(current_setting('{SCOPE_SETTING}', true), ''), '{PLATFORM}')::uuid)"
)
_IS_PLATFORM = f"(SELECT current_setting('{SCOPE_SETTING}', true)) = '{PLATFORM}'"
POLICY_PREFIX = "parley_scope_"


@dataclass(frozen=True, slots=True)
class Key:
    """A composite key of a table: unique, or a foreign key when it has a target."""

    table: str
    name: str
    columns: tuple[str, ...]
    target: str = ""
    target_columns: tuple[str, ...] = ()


def tenant_owned_models() -> list[type[TenantOwned]]:
    """The models whose tables row security holds."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if issubclass(model, TenantOwned) and model._meta.managed and not model._meta.proxy
    ]


def policy_of(model: type[TenantOwned]) -> tuple[str, str]:
    """Name and condition of a table's policy. The name changes with the condition."""
    column = _quoted(_tenant_column(model))
    condition = f"{column} = {_TENANT} OR {_IS_PLATFORM}"
    return POLICY_PREFIX + _digest(condition), condition


def keys_of(model: type[TenantOwned]) -> Iterator[Key]:
    """The composite keys that a model's foreign keys ask for, each after the one it refers to."""
    field: Any
    for field in model._meta.local_concrete_fields:
        if not is_tenant_link(field) or not field.db_constraint:
            continue
        table, target = model._meta.db_table, field.remote_field.model
        aim = (_tenant_column(target), field.target_field.column)
        columns = (_tenant_column(model), field.column)
        aim_table = target._meta.db_table
        yield Key(aim_table, _name(aim_table, *aim, "key"), aim)
        yield Key(table, _name(table, *columns, aim_table, *aim, "fk"), columns, aim_table, aim)


def bring_up_to_date(connection: BaseDatabaseWrapper, role: str | None) -> None:
    """Make what is missing, as the owner. `role` is the application's, None if it is the owner.

    Tables and columns that no migration has made yet are left to the next call.
    """
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        columns = _columns(cursor)
        owned = [model for model in tenant_owned_models() if _tenant_key(model) in columns]
        for statement in _statements(cursor, owned, columns):
            cursor.execute(statement)
        for statement in _grants(role, {table for table, _ in columns}) if role else ():
            cursor.execute(statement)


def _statements(
    cursor: Any, owned: list[type[TenantOwned]], columns: set[tuple[str, str]]
) -> list[str]:
    wanted = {key: None for model in owned for key in keys_of(model)}
    possible = [key for key in wanted if _exists(key, columns)]
    return [
        *_key_statements(possible, _ours(cursor)),
        *(line for model in owned for line in _policy_statements(cursor, model)),
    ]


def _exists(key: Key, columns: set[tuple[str, str]]) -> bool:
    here = {(key.table, column) for column in key.columns}
    there = {(key.target, column) for column in key.target_columns}
    return here | there <= columns


def _key_statements(wanted: Iterable[Key], existing: set[tuple[str, str]]) -> list[str]:
    """Foreign keys that nothing asks for any more go first, then the keys they referred to."""
    names = {(key.table, key.name) for key in wanted}
    old = sorted(existing - names, key=lambda key: key[1].endswith("_key"))
    drop = [f"ALTER TABLE {_quoted(t)} DROP CONSTRAINT IF EXISTS {_quoted(n)}" for t, n in old]
    new = [key for key in wanted if (key.table, key.name) not in existing]
    return drop + [_add(key) for key in sorted(new, key=lambda key: bool(key.target))]


def _add(key: Key) -> str:
    columns = ", ".join(map(_quoted, key.columns))
    definition = f"UNIQUE ({columns})"
    if key.target:
        aim = ", ".join(map(_quoted, key.target_columns))
        definition = (
            f"FOREIGN KEY ({columns}) REFERENCES {_quoted(key.target)} ({aim}) "
            "DEFERRABLE INITIALLY DEFERRED"
        )
    return f"ALTER TABLE {_quoted(key.table)} ADD CONSTRAINT {_quoted(key.name)} {definition}"


def _policy_statements(cursor: Any, model: type[TenantOwned]) -> Iterator[str]:
    table, (name, condition) = model._meta.db_table, policy_of(model)
    cursor.execute(
        "SELECT relrowsecurity, relforcerowsecurity, array(SELECT polname::text FROM pg_policy "
        "WHERE polrelid = pg_class.oid AND polname LIKE %s) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname = %s",
        [POLICY_PREFIX.replace("_", r"\_") + "%", table],
    )
    enabled, forced, policies = cursor.fetchone()
    if not enabled:
        yield f"ALTER TABLE {_quoted(table)} ENABLE ROW LEVEL SECURITY"
    if not forced:
        yield f"ALTER TABLE {_quoted(table)} FORCE ROW LEVEL SECURITY"
    for old in policies:
        if old != name:
            yield f"DROP POLICY {_quoted(old)} ON {_quoted(table)}"
    if name not in policies:
        yield (
            f"CREATE POLICY {_quoted(name)} ON {_quoted(table)} "
            f"USING ({condition}) WITH CHECK ({condition})"
        )


def _grants(role: str, tables: set[str]) -> Iterator[str]:
    grantee = _quoted(role)
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table not in tables or model._meta.proxy:
            continue
        privileges = getattr(model, "database_privileges", ALL_PRIVILEGES)
        yield f"REVOKE ALL ON {_quoted(table)} FROM {grantee}"
        yield f"GRANT {', '.join(privileges)} ON {_quoted(table)} TO {grantee}"
    migrations = _quoted(MigrationRecorder.Migration._meta.db_table)
    yield f"GRANT SELECT ON {migrations} TO {grantee}"


def _columns(cursor: Any) -> set[tuple[str, str]]:
    """Each table of this schema with each of its columns."""
    cursor.execute(
        "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
        "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') "
        "AND attnum > 0 AND NOT attisdropped"
    )
    return set(cursor.fetchall())


def _ours(cursor: Any) -> set[tuple[str, str]]:
    """The composite keys that are there, with their tables."""
    cursor.execute(
        "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid "
        r"WHERE relnamespace = current_schema()::regnamespace AND conname LIKE 'parley\_%'"
    )
    return set(cursor.fetchall())


def _tenant_column(model: type[models.Model]) -> str:
    field: Any = model._meta.get_field("tenant")
    return str(field.column)


def _tenant_key(model: type[TenantOwned]) -> tuple[str, str]:
    return model._meta.db_table, _tenant_column(model)


def _name(table: str, *parts: str) -> str:
    """A name of its own for each definition, within PostgreSQL's 63 characters."""
    return f"parley_{table[:40]}_{_digest(' '.join((table, *parts)))}_{parts[-1]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
