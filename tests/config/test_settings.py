"""Settings: each variable is explained in `.env.example`, and a wrong one is named."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("platform", "accounts", "conversations")
EXAMPLE = (ROOT / ".env.example").read_text()
RESERVED = "Reserved"  # opens the part of the example whose names nothing reads yet

# The names every deployment may rely on (docs/architecture.md).
FIXED_NAMES = set(
    "SECRET_KEY DATABASE_URL REDIS_URL CELERY_BROKER_URL KEYSET_FILE ALLOWED_HOSTS GEMINI_BASE_URL "
    "GEMINI_API_KEY GEMINI_OAUTH_TOKEN GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT "
    "GOOGLE_CLOUD_LOCATION PUBLIC_URL EMAIL_URL MIGRATE_DATABASE_URL WORKER_LISTEN TRUSTED_PROXIES "
    "STORAGE_URL METRICS_TOKEN DEMO".split()
)
FOR_COMPOSE = {"POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"}  # read by docker/compose.yaml alone
# Read by the code, but set by us: the settings module's own name, and what make passes on. And
# by Google's tools and by Windows: where application default credentials lie.
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE", "PORT", "TLS_PORT", "FRESH", "REAL"}
NOT_FOR_PEOPLE |= {"CLOUDSDK_CONFIG", "APPDATA"}


def explained(text: str) -> set[str]:
    return set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


def _is_environment(node: ast.expr) -> bool:
    """`env`, `env.str`, `env.db`, `required`, `os.environ`, `os.environ.get`, `os.getenv`."""
    return bool(
        re.fullmatch(
            r"env(\.\w+)?|required|(os\.)?environ(\.\w+)?|(os\.)?getenv", ast.unparse(node)
        )
    )


def read_by(source: str) -> Iterator[str]:
    """Names of environment variables that a Python text reads."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if (
                _is_environment(function)
            ):
                yield name
            case ast.Subscript(
                value=target, slice=ast.Constant(value=str(name)), ctx=ast.Load()
            ) if _is_environment(target):
                yield name


def read_by_the_product() -> set[str]:
    files = (path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("*.py"))
    return {name for path in files for name in read_by(path.read_text())}


def test_reads_are_found_in_each_form() -> None:
    text = (
        'env.str("A", default="")\nrequired("B", "x")\nos.environ["C"]\n'
        'os.environ.get("D")\nenv("E")\nos.getenv("F")\n'
        'other("G")\nenv_file["H"]\nos.environ["I"] = ""\n'
    )
    assert set(read_by(text)) == set("ABCDEF")


def test_every_variable_the_product_reads_is_explained() -> None:
    assert read_by_the_product() - NOT_FOR_PEOPLE <= explained(EXAMPLE)


def test_every_fixed_name_is_explained() -> None:
    assert explained(EXAMPLE) >= FIXED_NAMES


def test_a_variable_is_reserved_exactly_while_nothing_reads_it() -> None:
    in_use, _, reserved = EXAMPLE.partition(RESERVED)
    assert explained(reserved) == explained(EXAMPLE) - read_by_the_product() - FOR_COMPOSE
    assert explained(in_use) & explained(reserved) == set()


GIVEN = {
    "SECRET_KEY": "not-a-secret",
    "DATABASE_URL": "postgres://parley@localhost/parley",
    "KEYSET_FILE": "keyset.json",
}


def load_settings(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Read the settings in a fresh process that has nothing but `environment`."""
    return subprocess.run(
        [sys.executable, "-c", "import config.settings as s; print(s.SECRET_KEY)"],
        cwd=ROOT / "platform",
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_has_to_be_given_is_enough() -> None:
    result = load_settings(GIVEN)
    assert (result.returncode, result.stdout) == (0, "not-a-secret\n")


@pytest.mark.parametrize("name", GIVEN)
def test_a_missing_variable_is_named(name: str) -> None:
    result = load_settings({key: value for key, value in GIVEN.items() if key != name})
    assert result.returncode == 1
    assert f"ImproperlyConfigured: {name} is not set" in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_CAPACITY", "many"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TOOL_PRIVATE_HOSTS", "https://erp.intern.example"),
        ("MIGRATE_DATABASE_URL", "postgres://owner@localhost/another"),
        ("MIGRATE_DATABASE_URL", "postgres:///parley"),
        ("MIGRATE_DATABASE_URL", "sqlite:///parley.sqlite3"),
    ],
)
def test_a_wrong_value_stops_the_process(name: str, value: str) -> None:
    result = load_settings({**GIVEN, name: value})
    assert result.returncode == 1
    assert name in result.stderr


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-a-file")
    given = {key: value for key, value in GIVEN.items() if key != "SECRET_KEY"}
    assert load_settings({**given, "SECRET_KEY_FILE": str(file)}).stdout == "from-a-file\n"
    unreadable = load_settings({**given, "SECRET_KEY_FILE": str(tmp_path / "absent")})
    assert unreadable.returncode == 1
    assert "absent" in unreadable.stderr


def test_the_demo_needs_nothing() -> None:
    assert load_settings({"DEMO": "1"}).returncode == 0


def test_the_version_is_that_of_the_package() -> None:
    from django.conf import settings  # noqa: PLC0415 - the tests above run without Django

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == settings.VERSION
