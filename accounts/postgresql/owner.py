"""The database as its owner: the role of MIGRATE_DATABASE_URL.

The application connects as a role that owns nothing (DATABASE_URL). What changes tables, or
empties them, is the owner's work: `manage.py migrate` and `manage.py flush` do it inside
`as_owner`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

# What these would let it do, row security is to forbid.
ROLE_OPTIONS: LiteralString = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
_WHERE_AND_WHO = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


class RoleMissing(Exception):
    """The role of DATABASE_URL does not exist, and the owner may not make it."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"The role {role} of DATABASE_URL does not exist. Make it as a superuser: "
            f"CREATE ROLE \"{role}\" LOGIN {ROLE_OPTIONS} PASSWORD '...'"
        )


@contextmanager
def as_owner(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let this thread's `connection` be the owner's inside, and the application's afterwards.

    Without MIGRATE_DATABASE_URL, and on SQLite, there is one role and nothing changes.
    Raises RuntimeError inside a transaction, which a change of the role would end.
    """
    if connection.vendor != "postgresql" or acts_as_owner(connection):
        yield
        return
    if connection.in_atomic_block:
        raise RuntimeError("The role cannot change inside a transaction.")
    application = connection.settings_dict
    if settings.MIGRATE_DATABASE is not None:
        connection.close()
        connection.settings_dict = {**application, **_owner_settings()}
    _mark(connection, True)
    try:
        yield
    finally:
        _mark(connection, False)
        if settings.MIGRATE_DATABASE is not None:
            connection.close()
            connection.settings_dict = application


def acts_as_owner(connection: BaseDatabaseWrapper) -> bool:
    return getattr(connection, "acts_as_owner", False)


def application_role() -> str | None:
    """The role of DATABASE_URL, if the owner is another one."""
    if settings.MIGRATE_DATABASE is None:
        return None
    role: str = settings.DATABASES["default"]["USER"]
    return role if role != settings.MIGRATE_DATABASE["USER"] else None


def make_application_role(connection: BaseDatabaseWrapper, role: str) -> bool:
    """Make the role of DATABASE_URL, with its password, unless it is there. Returns whether it
    was made. Raises RoleMissing when the owner may not make roles."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone():
            return False
        cursor.execute(
            "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        if not cursor.fetchone()[0]:
            raise RoleMissing(role)
        cursor.execute(_create_role(cursor.connection, role))
    return True


def _create_role(connection: psycopg.Connection[Any], role: str) -> sql.Composed:
    statement = sql.SQL("CREATE ROLE {} LOGIN " + ROLE_OPTIONS).format(sql.Identifier(role))
    password: str = settings.DATABASES["default"]["PASSWORD"]
    if not password:
        return statement
    # Hashed here, so that the server's log never holds it.
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return statement + sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))


def _owner_settings() -> dict[str, Any]:
    given: dict[str, Any] = settings.MIGRATE_DATABASE or {}
    return {name: given.get(name, {} if name == "OPTIONS" else "") for name in _WHERE_AND_WHO}


def _mark(connection: BaseDatabaseWrapper, is_owner: bool) -> None:
    connection.acts_as_owner = is_owner  # type: ignore[attr-defined]
