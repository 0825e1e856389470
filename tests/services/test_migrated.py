"""What is kept of the test database is all of it, and only good for what it was made of."""

import re
import uuid
from pathlib import Path

import pytest
from django.db import connection

from tests.services.migrated import Migrated, fingerprint

CASTS = re.compile(r"::(?:character varying|text)(?:\[\])?|[()]")


def names() -> tuple[str, str]:
    """Where the server is, and the name of the test database."""
    connection.ensure_connection()
    return connection.connection.info.host, str(connection.settings_dict["NAME"])


def schema(folder: Path) -> list[str]:
    """The one dump in there, without what pg_dump makes up anew each time, and without the casts
    of a list of texts, which PostgreSQL writes in another place once it has read them back."""
    [dump] = folder.glob("*.sql")
    lines = [line for line in dump.read_text().splitlines() if not line.startswith("\\")]
    return [CASTS.sub("", line) for line in lines]


def read_by(copy: Migrated, folder: Path) -> None:
    """Let the one dump in there be that of `copy`."""
    [dump] = folder.glob("*.sql")
    dump.rename(copy.dump)


@pytest.fixture
def copy(db: None, tmp_path: Path, migrated: Migrated | None) -> Migrated:
    if migrated is None:
        pytest.skip("a database that was given is not restored")
    home, name = names()
    Migrated(home, name, tmp_path).keep()
    copy = Migrated(home, f"copy_{uuid.uuid4().hex}", tmp_path)
    read_by(copy, tmp_path)
    return copy


def test_what_is_restored_is_what_was_kept(copy: Migrated, tmp_path: Path) -> None:
    kept = schema(tmp_path)
    assert any(line.startswith("CREATE POLICY") for line in kept)
    assert any(line.startswith("GRANT ") for line in kept)
    assert copy.restore()
    copy.keep()
    assert schema(tmp_path) == kept


def test_a_broken_dump_is_thrown_away(copy: Migrated) -> None:
    copy.dump.write_text(copy.dump.read_text() + "\nSELECT 1/0;\n")
    assert not copy.restore()
    assert not copy.is_kept
    assert not copy.restore()


def test_another_migration_is_another_database(tmp_path: Path) -> None:
    folder = tmp_path / "accounts" / "migrations"
    folder.mkdir(parents=True)
    seen = {fingerprint(tmp_path)}
    for name, text in (("0001_a.py", "1"), ("0001_a.py", "2"), ("0002_b.py", "2")):
        (folder / name).write_text(text)
        seen.add(fingerprint(tmp_path))
    assert len(seen) == 4
