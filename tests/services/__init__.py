"""Early pytest plugin (`-p tests.services`): the environment every test runs in.

Django reads its settings while pytest starts, so the environment has to stand before that.
PostgreSQL, Redis and a temporary folder belong to a child process (`python -m tests.services
serve`) that ends with pytest however pytest ends: its standard input closes. Redis starts at
once, PostgreSQL when the first test asks for the database. A `DATABASE_URL` (with
its `MIGRATE_DATABASE_URL`) or `REDIS_URL` that is already set is used as it is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a developer's shell may hold and no test may see: credentials, proxies, the demo, and
# libpq's own variables, which would win over our address.
FOREIGN_PREFIXES = ("GEMINI_", "GOOGLE_", "PG")
FOREIGN_NAMES = frozenset(
    "ALLOWED_HOSTS CELERY_BROKER_URL DEMO EMAIL_URL KEYSET_FILE METRICS_TOKEN "
    "EMAIL_FROM PUBLIC_URL SECRET_KEY STORAGE_URL TRUSTED_PROXIES WORKER_CAPACITY WORKER_LISTEN "
    "WORKER_ADDRESS "
    "KEYSET_KMS_URI ALL_PROXY HTTP_PROXY HTTPS_PROXY WS_PROXY WSS_PROXY DATABASE_URL_FILE "
    "REDIS_URL_FILE MIGRATE_DATABASE_URL_FILE".split()
)
# The names that this run has put into its environment, for the processes it is shared among
# (`pytest -n 2`): each of them starts services of its own, or one would flush another's tables.
OURS = "PARLEY_TEST_SERVICES"
SERVICES = pytest.StashKey["Services"]()


class ServiceError(Exception):
    """A service did not start; the text says what to do."""


class Services:
    """The child process that owns PostgreSQL, Redis and the temporary folder."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services", "serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is pytest's; this process ends when its standard input does.
            start_new_session=True,
        )
        self._postgres_started = False
        self.environment: dict[str, str] = self._answer()["environment"]

    def start_postgres(self) -> None:
        """Return when the database of `DATABASE_URL` takes connections."""
        if self._postgres_started:
            return
        stdin = _open(self._process.stdin)
        stdin.write("postgres\n")
        stdin.flush()
        self._answer()
        self._postgres_started = True

    def stop(self) -> None:
        _open(self._process.stdin).close()
        self._process.wait(timeout=30)
        _open(self._process.stdout).close()

    def _answer(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline()
        answer: dict[str, Any] = json.loads(line or '{"error": "the services ended unexpectedly"}')
        if "error" in answer:
            raise ServiceError(answer["error"])
        return answer


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ServiceError("the services have no pipe")
    return stream


def clean(environment: MutableMapping[str, str]) -> None:
    """Remove what must not reach a test, under its name or as `NAME_FILE`."""
    for name in environment.pop(OURS, "").split():
        environment.pop(name, None)
    for name in list(environment):
        plain = name.upper().removesuffix("_FILE")
        foreign = plain in FOREIGN_NAMES or name.upper() in FOREIGN_NAMES
        if foreign or name.startswith(FOREIGN_PREFIXES):
            del environment[name]
    if not environment.get("DATABASE_URL"):
        environment.pop("MIGRATE_DATABASE_URL", None)


def keep_bytecode(environment: MutableMapping[str, str]) -> None:
    """Let this process and its children keep what they compile: without it every one of them
    compiles the whole tree again, and every run rewrites every assertion."""
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    clean(os.environ)
    keep_bytecode(os.environ)
    try:
        services = Services()
    except ServiceError as error:
        raise pytest.UsageError(str(error)) from error
    early_config.stash[SERVICES] = services
    early_config.add_cleanup(services.stop)
    os.environ[OURS] = " ".join(services.environment.keys() - os.environ.keys())
    os.environ.update(services.environment)
    for folder in (str(ROOT), str(ROOT / "platform")):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return (yield)
