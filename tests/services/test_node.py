"""Where the JavaScript SDK comes from, and what is said when it cannot come."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.node import NODE_ADVICE, SDK, SDK_ADVICE, find_node, find_packages, install


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SDK / name, tmp_path)
    return tmp_path


def installed(project: Path) -> Path:
    """Make it look as if the packages of the present lock file had been installed."""
    packages = project / "node_modules"
    packages.mkdir()
    shutil.copy(project / "package-lock.json", packages / ".lock-of-the-tests.json")
    return packages


def test_every_package_is_pinned_by_its_hash_and_by_no_address() -> None:
    packages = json.loads((SDK / "package-lock.json").read_text())["packages"]
    wanted = json.loads((SDK / "package.json").read_text())["dependencies"]
    pinned = {name: package for name, package in packages.items() if name}
    assert packages[""]["dependencies"] == wanted
    assert pinned["node_modules/@google/genai"]["version"].startswith("3.")
    assert [name for name, package in pinned.items() if "integrity" not in package] == []
    assert [name for name, package in pinned.items() if "resolved" in package] == []


def test_node_is_new_enough_for_the_sdk() -> None:
    node = find_node()
    assert node is not None, NODE_ADVICE
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    assert int(version.strip("v\n").split(".")[0]) >= 22


def test_what_is_installed_is_found_until_the_lock_file_changes(project: Path) -> None:
    assert find_packages(project) is None
    packages = installed(project)
    assert find_packages(project) == packages
    assert install(project) == 0

    lock = project / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    assert find_packages(project) is None


def test_an_unreachable_registry_is_said(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    assert install(project) == 1
    assert SDK_ADVICE in capfd.readouterr().err
    assert find_packages(project) is None
