"""The services of the tests: what they give, and that they end with whoever asked for them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
import redis

from tests.services import OURS, ROOT, clean
from tests.services import redis as test_redis
from tests.services.programs import CHROMIUM, POSTGRESQL, PROGRAMS, find_postgres

Server = subprocess.Popen[str]


@pytest.fixture
def server() -> Iterator[Server]:
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.services", "serve"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def read(server: Server) -> dict[str, Any]:
    assert server.stdout is not None
    answer: dict[str, Any] = json.loads(server.stdout.readline())
    return answer


def start_postgres(server: Server) -> None:
    assert server.stdin is not None
    server.stdin.write("postgres\n")
    server.stdin.flush()
    assert read(server) == {"postgres": "ready"}


def socket_folder(environment: dict[str, str]) -> Path:
    return Path(parse_qs(urlsplit(environment["DATABASE_URL"]).query)["host"][0])


def test_they_serve_until_standard_input_closes(server: Server) -> None:
    environment = read(server)["environment"]
    start_postgres(server)
    role = "SELECT rolcreatedb, rolsuper FROM pg_roles WHERE rolname = current_user"
    with psycopg.connect(environment["MIGRATE_DATABASE_URL"]) as connection:
        assert connection.execute(role).fetchone() == (True, False)
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute(role).fetchone() == (False, False)
        assert connection.execute("SELECT upper('ä')").fetchone() == ("Ä",)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.ping()
    home = socket_folder(environment)
    postmaster = psutil.Process(int((home / "data/postmaster.pid").read_text().split()[0]))

    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(30) == 0

    assert not home.parent.exists()
    postmaster.wait(5)


def test_they_end_when_told_to(server: Server) -> None:
    environment = read(server)["environment"]
    children = psutil.Process(server.pid).children()
    assert [child.name() for child in children] == ["redis-server"]
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 1
    assert not Path(environment["KEYSET_FILE"]).parent.exists()
    assert [child for child in children if child.is_running()] == []


def test_no_test_sees_the_credentials_of_the_shell() -> None:
    assert [name for name in os.environ if name.startswith("GOOGLE_")] == []
    assert os.environ["GEMINI_BASE_URL"] == "http://127.0.0.1:9"


def test_clean_keeps_what_is_not_ours() -> None:
    environment = {
        "GEMINI_API_KEY": "x",
        "GEMINI_API_KEY_FILE": "x",
        "GOOGLE_CLOUD_PROJECT": "x",
        "PGHOST": "x",
        "SECRET_KEY_FILE": "x",
        "https_proxy": "x",
        "DATABASE_URL": "kept",
        "MIGRATE_DATABASE_URL": "kept",
        "HOME": "kept",
    }
    clean(environment)
    assert set(environment.values()) == {"kept"}
    assert len(environment) == 3
    del environment["DATABASE_URL"]
    clean(environment)
    assert environment == {"HOME": "kept"}


def test_a_process_of_a_shared_run_starts_services_of_its_own() -> None:
    environment = {OURS: "DATABASE_URL SECRET_KEY", "DATABASE_URL": "x", "SECRET_KEY": "x"}
    environment["REDIS_URL"] = "given"
    clean(environment)
    assert environment == {"REDIS_URL": "given"}


@pytest.mark.parametrize(
    ("url", "process", "expected"),
    [
        ("", "gw0", ""),
        ("redis://:secret@host:7000/2", "", "redis://:secret@host:7000/2"),
        ("redis://:secret@host:7000/2", "gw1", "redis://:secret@host:7000/4"),
        ("rediss://host?timeout=3", "gw0", "rediss://host/1?timeout=3"),
    ],
)
def test_a_given_redis_is_shared_by_number(
    monkeypatch: pytest.MonkeyPatch, url: str, process: str, expected: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", process)
    assert test_redis.given() == expected


def test_advice_is_one_command() -> None:
    assert POSTGRESQL.advice().endswith("sudo apt-get install postgresql")
    assert all(program.command().startswith("sudo ") for program in PROGRAMS)
    assert CHROMIUM.find() is not None


def test_postgres_is_found_outside_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert find_postgres() == (installed[-1] if installed else None)
