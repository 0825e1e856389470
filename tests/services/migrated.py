"""The test database as the migrations leave it, kept in `.cache` for whoever needs it next.

Migrating takes ten seconds of a core, and each process of a run has a server of its own. The
first one migrates and keeps a dump; the others, and later runs, begin with that. `migrate` runs
all the same: on what is already there it has nothing to do but row security and permissions.
"""

import fcntl
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.services import ROOT
from tests.services.programs import find_postgres

FOLDER = ROOT / ".cache" / "test-databases"
# What decides how the tables look. A change of any of it means a dump of its own.
SOURCES = (
    "*/migrations/*.py",
    "accounts/postgresql/*.py",
    "accounts/ids.py",
    "tests/services/*.py",
    "requirements.txt",
)


class Migrated:
    """One database of the server whose socket is in `home`, and the dump that it may begin with."""

    def __init__(self, home: str, name: str, folder: Path = FOLDER) -> None:
        self._home = home
        self._name = name
        self.dump = folder / f"{name}-{fingerprint(ROOT)}.sql"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for whoever is making the dump; others wait for us meanwhile."""
        self.dump.parent.mkdir(parents=True, exist_ok=True)
        with (self.dump.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def is_kept(self) -> bool:
        return self.dump.exists()

    def restore(self) -> bool:
        """Make the database from the dump; False, and no database, where there is none."""
        if not self.is_kept or not self._program("psql").exists():
            return False
        self._execute(f'CREATE DATABASE "{self._name}" OWNER parley_owner')
        quiet = ["-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-1"]
        try:
            self._run("psql", *quiet, "-d", self._name, "-f", str(self.dump))
        except subprocess.CalledProcessError:
            self._execute(f'DROP DATABASE "{self._name}"')
            self.dump.unlink()
            return False
        return True

    def keep(self) -> None:
        """Keep the database for the others, in place of what was kept before."""
        if not self._program("pg_dump").exists():
            return
        unfinished = self.dump.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(self._run("pg_dump", self._name))
        for old in self.dump.parent.glob("*.sql"):
            with suppress(FileNotFoundError):
                old.unlink()
        unfinished.replace(self.dump)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=self._home, user="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> bytes:
        command = [str(self._program(program)), "-h", self._home, "-U", "postgres", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    @staticmethod
    def _program(name: str) -> Path:
        return (find_postgres() or Path()) / name


def fingerprint(root: Path) -> str:
    """What the sources of a database come to. Changes with any of them."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in root.glob(pattern)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]
