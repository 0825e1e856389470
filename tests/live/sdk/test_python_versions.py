"""The tests of the Python SDK with its older versions, each with the packages it asks for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT

HERE = Path(__file__).parent
LOCKS = sorted((HERE / "python").glob("genai-*.txt"))
TESTS = (HERE / "test_python.py", HERE / "test_python_tokens.py")
# The plugins of Django's tests stay at home, and what an old SDK is warned of is not ours.
OPTIONS = (
    "--import-mode=importlib",
    f"--confcutdir={HERE}",
    "--override-ini=addopts=",
    "--override-ini=filterwarnings=default",
    "-p",
    "no:cacheprovider",
)


def environment(lock: Path) -> Path:
    """The Python of a virtual environment with what a lock file pins, made when that changed."""
    folder = ROOT / ".cache/sdk" / lock.stem
    python, copy = folder / "bin/python", folder / lock.name
    if copy.exists() and copy.read_bytes() == lock.read_bytes():
        return python
    run(sys.executable, "-m", "venv", "--clear", folder)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", lock)
    shutil.copy(lock, copy)
    return python


def run(*command: str | Path) -> str:
    """The output of a command that ends well; its whole output fails the test otherwise."""
    search = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")])}
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | search,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{result.stdout}", pytrace=False)
    return result.stdout


def test_there_are_versions_of_one_and_two() -> None:
    assert {lock.stem.split("-")[1].split(".")[0] for lock in LOCKS} == {"1", "2"}


@pytest.mark.full
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_an_older_version(lock: Path) -> None:
    python = environment(lock)
    version = "import google.genai; print(google.genai.__version__)"
    assert f"genai-{run(python, '-W', 'ignore', '-c', version).strip()}" == lock.stem
    result = run(python, "-m", "pytest", *OPTIONS, *TESTS).splitlines()[-1]
    assert " passed" in result
    assert "skipped" not in result
