"""SQLite refuses what PostgreSQL refuses (`test_models`), after every migration."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.children import child_environment
from tests.services import ROOT


def migrate(path: Path, targets: str = "()") -> Path:
    """Make a database at `path` and migrate it to one target after another."""
    code = (
        "from django.core.management import call_command\n"
        f"for target in ({targets},): call_command('migrate', *target, verbosity=0)"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code],
        cwd=ROOT,
        env=child_environment({"DATABASE_URL": f"sqlite:///{path}"}),
        check=True,
    )
    return path


@pytest.fixture(scope="module")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrate(tmp_path_factory.mktemp("sqlite") / "parley.sqlite3", "('accounts',)")


@pytest.fixture
def sqlite(sqlite_file: Path) -> Iterator[sqlite3.Connection]:
    with filled(sqlite_file) as connection:
        yield connection


@contextmanager
def filled(path: Path) -> Iterator[sqlite3.Connection]:
    """With two entries, of which one is sealed; nothing of it stays."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    for number in (1, 2):
        connection.execute(
            "INSERT INTO accounts_auditentry (id, at, actor, action, object_type, object_id, "
            "reason, user_agent, request_id) VALUES (?, '2026-01-01', '', '', '', '', '', '', '')",
            [f"{number:032}"],
        )
    connection.execute("UPDATE accounts_auditlink SET number = 1, position = 0 WHERE id LIKE '%1'")
    connection.execute(
        "INSERT INTO accounts_auditseal (id, number, at, form, count, is_complete, previous, hash)"
        " VALUES ('3', 1, '2026-01-01', 1, 1, 1, '', '')"
    )
    yield connection
    connection.execute("ROLLBACK")
    connection.close()


def test_makes_links(sqlite: sqlite3.Connection) -> None:
    rows = sqlite.execute("SELECT id, tenant_id, number FROM accounts_auditlink ORDER BY id")
    assert rows.fetchall() == [(f"{1:032}", None, 1), (f"{2:032}", None, None)]


REFUSED = [
    "UPDATE accounts_auditentry SET actor = 'system'",
    "DELETE FROM accounts_auditentry",
    "INSERT OR REPLACE INTO accounts_auditentry SELECT * FROM accounts_auditentry",
    "UPDATE accounts_auditseal SET count = 0",
    "DELETE FROM accounts_auditseal",
    "INSERT OR REPLACE INTO accounts_auditseal SELECT * FROM accounts_auditseal",
    "DELETE FROM accounts_auditlink WHERE number IS NULL",
    "UPDATE accounts_auditlink SET number = NULL WHERE number = 1",
    "UPDATE accounts_auditlink SET id = '9' WHERE number IS NULL",
    "INSERT OR REPLACE INTO accounts_auditlink SELECT * FROM accounts_auditlink",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_refuses(sqlite: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="is append-only"):
        sqlite.execute(statement)


def test_lets_a_link_be_filled(sqlite: sqlite3.Connection) -> None:
    filled = (
        "UPDATE accounts_auditlink SET number = 1, position = 1, hash = 'h' WHERE number IS NULL"
    )
    assert sqlite.execute(filled).rowcount == 1


SEAL_AND_PROVE = """
from django.utils import timezone
from accounts.audit import SYSTEM, record
from accounts.audit.proof import prove_chain
from accounts.audit.sealing import seal_all
from accounts.models import Tenant
from accounts.tenancy import platform_scope
tenant = Tenant.objects.create(slug="chained")
with platform_scope("test"):
    for number in range(3):
        record("tenant.changed", tenant, actor=SYSTEM, after={"b": 1.5, "a": number})
print(seal_all(timezone.now()), prove_chain(tenant.pk))
"""


def test_seals_and_proves(sqlite_file: Path, tmp_path: Path) -> None:
    path = shutil.copy(sqlite_file, tmp_path)
    result = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", SEAL_AND_PROVE],
        cwd=ROOT,
        env=child_environment({"DATABASE_URL": f"sqlite:///{path}"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("3 Proof(entries=3, seals=1, waiting=0, ")
    assert result.stdout.strip().endswith("fault=None)")


@pytest.mark.full
def test_the_triggers_come_back_when_they_were_undone(tmp_path: Path) -> None:
    path = migrate(tmp_path / "parley.sqlite3", "(), ('accounts', '0001'), ()")
    with filled(path) as connection:
        for statement in REFUSED:
            with pytest.raises(sqlite3.IntegrityError, match="is append-only"):
                connection.execute(statement)
