"""Two roles: the owner changes tables, the application's role reads and writes rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts.postgresql.owner import (
    RoleMissing,
    acts_as_owner,
    application_role,
    as_owner,
    make_application_role,
)
from accounts.tenancy import platform_scope

NEW = "parley_new"


def current_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role: str = cursor.fetchone()[0]
    return role


def test_the_owner_and_back(transactional_db: None) -> None:
    application = settings.DATABASES["default"]["USER"]
    assert current_role() == application == application_role()
    assert settings.MIGRATE_DATABASE is not None
    with as_owner(connection):
        assert current_role() == settings.MIGRATE_DATABASE["USER"]
        assert acts_as_owner(connection)
        with as_owner(connection):  # again changes nothing
            assert current_role() == settings.MIGRATE_DATABASE["USER"]
        assert connection.settings_dict["NAME"] == settings.DATABASES["default"]["NAME"]
    assert current_role() == application
    assert not acts_as_owner(connection)
    with pytest.raises(KeyError), as_owner(connection):
        raise KeyError
    assert current_role() == application


def test_no_change_of_the_role_inside_a_transaction(db: None) -> None:
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="transaction"),
        as_owner(connection),
    ):
        pass


def test_one_role_alone(transactional_db: None, settings: LazySettings) -> None:
    settings.MIGRATE_DATABASE = None
    before = current_role()
    with as_owner(connection):
        assert current_role() == before
        assert acts_as_owner(connection)
    assert application_role() is None


def test_the_same_role_twice_is_one_role(settings: LazySettings) -> None:
    settings.MIGRATE_DATABASE = settings.DATABASES["default"]
    assert application_role() is None


def test_the_missing_role_is_made_by_who_may(
    transactional_db: None,
    as_postgres: Callable[[str], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", "p'ss %s")
    with pytest.raises(RoleMissing, match=f'CREATE ROLE "{NEW}" LOGIN NOSUPERUSER'):
        make_application_role(connection, NEW)
    as_postgres("ALTER ROLE parley CREATEROLE")
    try:
        assert make_application_role(connection, NEW)
        assert not make_application_role(connection, NEW)
        assert as_postgres(
            "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, "
            "rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'parley_new'"
        ) == [(True, False, False, False, False, True)]
    finally:
        as_postgres("ALTER ROLE parley NOCREATEROLE")
        as_postgres(f"DROP ROLE IF EXISTS {NEW}")


def test_without_the_owner_tables_do_not_change(db: None) -> None:
    with (
        platform_scope("test"),
        pytest.raises(ProgrammingError, match="must be owner"),
        transaction.atomic(),
        connection.schema_editor() as editor,
    ):
        editor.execute("ALTER TABLE accounts_tenant ADD COLUMN extra text")
