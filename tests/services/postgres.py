"""A PostgreSQL of our own: data and socket in one folder, nothing kept, nothing listening on
the network. Two roles, as in production: `parley_owner` makes the test database and owns it,
`parley` is the application's and owns nothing; neither is a superuser.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.services import ServiceError
from tests.services.programs import POSTGRESQL, find_postgres

START_TIMEOUT = 60  # seconds
# The data lives for one run of the tests: no durability, less writing.
OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off "
    "-c autovacuum=off -c max_connections=200"
)


def url(folder: Path) -> str:
    """Address of the server that `running(folder)` starts; libpq and django-environ read it."""
    return _url(folder, "parley")


def owner_url(folder: Path) -> str:
    """The same as the owner of its databases."""
    return _url(folder, "parley_owner")


def _url(folder: Path, role: str) -> str:
    return f"postgres://{role}@/parley?host={_home(folder)}"


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Start the server and make role and database; stop it at the end.

    Raises ServiceError when PostgreSQL is missing or does not start.
    """
    binaries = find_postgres()
    if binaries is None:
        raise ServiceError(POSTGRESQL.advice())
    home = _home(folder)
    home.mkdir(mode=0o700)
    owner = _server_user()
    if owner is not None:
        shutil.chown(home, owner, pwd.getpwnam(owner).pw_gid)
    data = home / "data"
    create = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run([binaries / "initdb", "-D", data, "--no-sync", *create], owner)
    control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-s", "-w"]
    start = ["-t", str(START_TIMEOUT), "-o", f"-k {home} {OPTIONS}", "start"]
    _run([*control, "-l", home / "log", *start], owner)
    try:
        _create_role(home)
        yield
    finally:
        _run([*control, "-m", "immediate", "stop"], owner)


def restart(home: Path) -> None:
    """Restart the server whose socket is in `home`; its connections break. Raises ServiceError."""
    binaries = find_postgres()
    if binaries is None:
        raise ServiceError(POSTGRESQL.advice())
    control: list[str | Path] = [binaries / "pg_ctl", "-D", home / "data", "-s", "-w"]
    _run([*control, "-l", home / "log", "-m", "fast", "restart"], _server_user())


def _home(folder: Path) -> Path:
    return folder / "postgres"


def _server_user() -> str | None:
    """Another user to run as when we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str | Path], user: str | None) -> None:
    group = pwd.getpwnam(user).pw_gid if user else None
    # A file, not a pipe: the server keeps the descriptor open after pg_ctl has ended.
    with Path(os.devnull).open("wb") as nowhere:
        result = subprocess.run(
            command,
            user=user,
            group=group,
            extra_groups=[] if user else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=None,
            check=False,
        )
    if result.returncode:
        raise ServiceError(f"{Path(command[0]).name} failed with exit status {result.returncode}")


def _create_role(home: Path) -> None:
    with psycopg.connect(host=str(home), user="postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE parley LOGIN NOSUPERUSER")
        connection.execute("CREATE ROLE parley_owner LOGIN CREATEDB NOSUPERUSER")
        connection.execute("CREATE DATABASE parley OWNER parley_owner")
