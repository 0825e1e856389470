"""System checks of the database itself: does it hold tenants apart, from the role we are?

They run where a command names its databases: `web`, `worker`, `check --database default`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.db import OperationalError, connection

from accounts.postgresql.owner import acts_as_owner
from accounts.postgresql.row_security import policy_of, tenant_owned_models

_TWO_ROLES = (
    "Let DATABASE_URL name a role that owns nothing, and MIGRATE_DATABASE_URL the owner; then "
    "run `python manage.py migrate`."
)


def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Say loudly when row security is missing, or when our role passes it by."""
    if "default" not in (databases or ()) or connection.vendor != "postgresql":
        return []
    if settings.DEMO or acts_as_owner(connection):
        return []  # a migration is what mends it
    try:
        with connection.temporary_connection() as cursor:
            return [*_role(cursor), *_tables(cursor)]
    except OperationalError:
        return [Warning("The database does not answer.", id="accounts.W006")]


def _role(cursor: Any) -> Iterator[CheckMessage]:
    cursor.execute(
        "SELECT rolname, rolsuper OR rolbypassrls, EXISTS (SELECT FROM pg_class WHERE relkind "
        "IN ('r', 'p') AND relnamespace = current_schema()::regnamespace "
        "AND pg_has_role(pg_roles.oid, relowner, 'MEMBER')) "
        "FROM pg_roles WHERE rolname = current_user"
    )
    name, passes, owns = cursor.fetchone()
    if passes:
        yield Error(
            f"The role {name} passes row-level security: it is a superuser, or has BYPASSRLS.",
            hint=_TWO_ROLES,
            id="accounts.E006",
        )
    elif owns:
        yield Warning(
            f"The role {name} owns tables, so it could switch row-level security off, and change "
            "the audit.",
            hint=_TWO_ROLES,
            id="accounts.W007",
        )


def _tables(cursor: Any) -> Iterator[CheckMessage]:
    cursor.execute(
        "SELECT relname, polname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid "
        "WHERE relnamespace = current_schema()::regnamespace "
        "AND relrowsecurity AND relforcerowsecurity"
    )
    held = set(cursor.fetchall())
    wanted = {(model._meta.db_table, policy_of(model)[0]) for model in tenant_owned_models()}
    open_tables = sorted(table for table, _ in wanted - held)
    if open_tables:
        yield Error(
            f"Row-level security is missing, or out of date: {', '.join(open_tables)}.",
            hint="Run `python manage.py migrate`.",
            id="accounts.E007",
        )
