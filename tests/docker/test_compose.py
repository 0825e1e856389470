"""The container files fit together; that they run is tried where a container engine is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
ENTRYPOINT = (ROOT / "docker/entrypoint").read_text()
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
OURS = {"web", "worker", "tasks", "beat", "migrate"}


def test_every_process_is_a_service() -> None:
    assert set(COMPOSE["services"]) == OURS | {"postgres", "redis"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_runs_a_command_the_entrypoint_knows(name: str) -> None:
    assert COMPOSE["services"][name]["command"] == [name]
    assert re.search(rf"^{name}\)$", ENTRYPOINT, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(OURS - {"migrate"}))
def test_a_service_waits_for_the_migration(name: str) -> None:
    waits_for = COMPOSE["services"][name]["depends_on"]
    assert waits_for == {"migrate": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("name", ["postgres", "redis", "web", "worker", "tasks"])
def test_a_service_says_whether_it_is_well(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_only_the_migration_knows_the_owner() -> None:
    knows = {
        name
        for name, service in COMPOSE["services"].items()
        if "MIGRATE_DATABASE_URL" in service.get("environment", {})
    }
    assert knows == {"migrate"}
    environment = COMPOSE["services"]["migrate"]["environment"]
    owner = COMPOSE["services"]["postgres"]["environment"]["POSTGRES_USER"]
    assert environment["MIGRATE_DATABASE_URL"].startswith(f"postgres://{owner}:")
    assert not environment["DATABASE_URL"].startswith(f"postgres://{owner}:")
    assert COMPOSE["services"]["web"]["environment"]["DATABASE_URL"] == environment["DATABASE_URL"]


def test_no_secret_is_written_down() -> None:
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|DATABASE_URL", variable):
                assert re.search(r"\$\{\w+:\?", value), f"{variable} of {name}"


def test_the_variables_are_explained() -> None:
    example = (ROOT / ".env.example").read_text()
    for variable in set(re.findall(r"\$\{(\w+)", (ROOT / "docker/compose.yaml").read_text())):
        assert re.search(rf"^#? ?{variable}=", example, re.MULTILINE), variable


def test_the_entrypoint_is_a_shell_script() -> None:
    result = subprocess.run(
        ["sh", "-n", "docker/entrypoint"], cwd=ROOT, capture_output=True, check=False
    )
    assert result.stderr == b""
    assert result.returncode == 0


def test_the_image_takes_what_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert {"platform", "accounts", "conversations", "requirements.txt"} <= set(copied)
    assert [path for path in copied if not (ROOT / path).exists()] == []
    ignored = (ROOT / "docker/Dockerfile.dockerignore").read_text()
    assert [path for path in copied if f"!{path}\n" not in ignored] == []


def test_nothing_runs_as_root() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users[-1:] == ["parley"]
