"""`migrate` is the owner's, and leaves no table open."""

from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.postgresql import row_security
from accounts.postgresql.owner import as_owner
from accounts.scopes import PlatformScope, current_scope


def migrate(*words: str) -> str:
    out = StringIO()
    call_command("migrate", *words, verbosity=0, stdout=out)
    return out.getvalue()


def forced() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'conversations_turn'"
        )
        return bool(cursor.fetchone()[0])


def test_it_brings_the_tables_up_to_date(transactional_db: None) -> None:
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_turn NO FORCE ROW LEVEL SECURITY")
    for harmless in ("--plan", "--check"):
        migrate(harmless)
        assert not forced()
    migrate()
    assert forced()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (connection.settings_dict["USER"],)


def test_migrations_see_every_tenants_rows(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes: list[Any] = []
    monkeypatch.setattr(
        "accounts.management.commands.migrate.bring_up_to_date",
        lambda *_: scopes.append(current_scope()),
    )
    migrate()
    assert [type(scope) for scope in scopes] == [PlatformScope]
    assert current_scope() is None


def test_a_role_that_is_missing_is_told(
    transactional_db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "accounts.management.commands.migrate.application_role", lambda: "parley_absent"
    )
    with pytest.raises(CommandError, match='CREATE ROLE "parley_absent"'):
        migrate()
    assert row_security.tenant_owned_models()
