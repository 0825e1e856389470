"""What is said aloud when the database does not hold tenants apart from us."""

from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks
from django.db import connection

from accounts.postgresql.checks import check_database
from accounts.postgresql.owner import acts_as_owner
from accounts.postgresql.row_security import policy_of
from conversations.models import Turn


def ids() -> list[str | None]:
    return [message.id for message in check_database(databases=["default"])]


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def owning(owned_database: None, db: None) -> Iterator[None]:
    """We are the owner, and not for a migration."""
    with patch.object(connection, "acts_as_owner", False):
        assert not acts_as_owner(connection)
        yield


def test_all_is_well_with_the_applications_role(db: None) -> None:
    assert ids() == []
    assert not [each for each in run_checks(databases=["default"]) if "accounts" in str(each.id)]


def test_it_looks_only_where_a_database_is_named(owning: None) -> None:
    assert check_database() == []
    assert check_database(databases=["other"]) == []


def test_an_owner_is_told(owning: None) -> None:
    (message,) = check_database(databases=["default"])
    assert message.id == "accounts.W007"
    assert "MIGRATE_DATABASE_URL" in str(message.hint)


@pytest.mark.parametrize(
    "open_it",
    [
        "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY",
        "ALTER POLICY {1} ON {0} RENAME TO other",
        "DROP POLICY {1} ON {0}",
    ],
)
def test_a_table_that_is_open(owning: None, open_it: str) -> None:
    sql(open_it.format(Turn._meta.db_table, policy_of(Turn)[0]))
    messages = [
        each for each in check_database(databases=["default"]) if each.id != "accounts.W007"
    ]
    assert [each.id for each in messages] == ["accounts.E007"]
    assert "conversations_turn" in messages[0].msg
    assert "manage.py migrate" in str(messages[0].hint)


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_passes_by(
    db: None, as_postgres: Callable[[str], None], settings: LazySettings, power: str
) -> None:
    as_postgres(f"ALTER ROLE parley {power}")
    try:
        assert ids() == ["accounts.E006"]
        settings.DEMO = True
        assert ids() == []
    finally:
        as_postgres(f"ALTER ROLE parley NO{power}")


def test_no_answer_is_told(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = connection.copy()
    elsewhere.settings_dict["HOST"] = "/nowhere"
    elsewhere.settings_dict["OPTIONS"].pop("host", None)
    monkeypatch.setattr("accounts.postgresql.checks.connection", elsewhere)
    assert ids() == ["accounts.W006"]
