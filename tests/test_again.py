"""A failure among others is asked again alone; a fault is a fault both times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import again

PASSES, FAILS = "def test_it():\n    assert True\n", "def test_it():\n    assert False\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / again.FAILED).parent.mkdir(parents=True)
    return tmp_path


def have_failed(folder: Path, *tests: str) -> None:
    (folder / again.FAILED).write_text(json.dumps(dict.fromkeys(tests, True)))


def ask(folder: Path, exit_code: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, again.__file__, str(exit_code)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_what_passes_alone_is_named(folder: Path) -> None:
    (folder / "test_one.py").write_text(PASSES)
    have_failed(folder, "test_one.py::test_it@test_one.py 1")
    ran = ask(folder, 1)
    assert ran.returncode == 0
    assert ran.stdout.endswith("\n  test_one.py::test_it\n")


def test_what_fails_alone_has_failed(folder: Path) -> None:
    (folder / "test_one.py").write_text(PASSES)
    (folder / "test_two.py").write_text(FAILS)
    have_failed(folder, "test_one.py::test_it", "test_two.py::test_it")
    assert ask(folder, 1).returncode == 1


@pytest.mark.parametrize("exit_code", [2, 3, 4, 5])
def test_a_run_that_broke_off_is_not_saved(folder: Path, exit_code: int) -> None:
    (folder / "test_one.py").write_text(PASSES)
    have_failed(folder, "test_one.py::test_it")
    assert again.main(exit_code) == exit_code


def test_many_failures_are_no_accident(folder: Path) -> None:
    have_failed(folder, *(f"test_{number}.py::test_it" for number in range(again.MOST + 1)))
    assert again.main(1) == 1


def test_a_failure_that_nobody_noted_stays_one(folder: Path) -> None:
    assert again.main(1) == 1
    have_failed(folder)
    assert again.main(1) == 1


def test_ids_are_those_that_pytest_takes(folder: Path) -> None:
    have_failed(folder, "a.py::b[x@y.z]", "a.py::b[x@y.z]@a.py 2", "a.py::c@demo")
    assert again.failed_tests() == ["a.py::b[x@y.z]", "a.py::c"]
