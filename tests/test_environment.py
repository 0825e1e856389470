"""`.ci/environment`, which `make demo` and `make test` begin with on a fresh machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = "# a lock file that pins nothing\n"


class Checkout:
    """A fresh checkout whose PATH begins with programs of our own making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        (folder / ".ci").mkdir()
        shutil.copy(ROOT / ".ci/environment", folder / ".ci/environment")
        (folder / "requirements.txt").write_text(LOCK)

    def add(self, name: str, script: str) -> Path:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["sh", ".ci/environment", "requirements.txt"],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHON": "", **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.full  # it makes a virtual environment, as every run of `make test` does
def test_the_newest_python_that_works_is_taken_once(checkout: Checkout) -> None:
    checkout.add("python3.14", "echo 'shim: python3.14 is not installed' >&2; exit 127")
    works = checkout.add("python3.13", f'exec "{sys.executable}" "$@"')
    first = checkout.run()
    assert first.returncode == 0, first.stderr
    assert f"({works})" in first.stdout
    assert (checkout.folder / ".venv/requirements.txt").read_text() == LOCK

    assert checkout.run().stdout == ""

    (checkout.folder / "requirements.txt").write_text(LOCK * 2)
    again = checkout.run()
    assert again.stdout.startswith("Installing the packages")
    assert "Making" not in again.stdout


def test_a_missing_venv_is_answered_with_one_command(checkout: Checkout) -> None:
    checkout.add("id", "echo 1000")
    apart = checkout.add(
        "python3", f'case "$*" in *ensurepip*) exit 1 ;; esac; exec "{sys.executable}" "$@"'
    )
    result = checkout.run(PYTHON=str(apart))
    version = f"python3.{sys.version_info.minor}"
    assert result.returncode == 1
    assert f"    sudo apt-get install {version}-venv\n" in result.stderr


def test_no_python_at_all_is_said(checkout: Checkout) -> None:
    result = checkout.run(PYTHON="absent")
    assert result.returncode == 1
    assert result.stderr.startswith("Parley needs Python 3.11")
