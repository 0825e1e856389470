"""Programs the tests need: where they are, and how to install what is missing."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    name: str
    package: str  # of Debian
    find: Callable[[], Path | None]

    def advice(self) -> str:
        return f"{self.name} is missing. On Debian or Ubuntu: {self.command()}"

    def command(self) -> str:
        if self is CHROMIUM and distribution() == "ubuntu":
            return f"sudo {' '.join(PLAYWRIGHT_INSTALL)}"
        return f"sudo apt-get install {self.package}"


def find_postgres() -> Path | None:
    """The folder with `initdb` and `pg_ctl`; Debian keeps it out of the PATH."""
    in_path = shutil.which("pg_ctl")
    if in_path is not None:
        return Path(in_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    return newest.parent if newest is not None else None


def find_redis() -> Path | None:
    return _which("redis-server", "valkey-server")


def find_chromium() -> Path | None:
    """A Chromium that starts: Ubuntu's package of that name is an empty wrapper of a snap."""
    found = _which("chromium", "chromium-browser", "google-chrome")
    if found is not None and _starts(found):
        return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    return max(cache.glob("chromium-*/chrome-linux*/chrome"), default=None)


def _which(*names: str) -> Path | None:
    paths = (shutil.which(name) for name in names)
    return next((Path(path) for path in paths if path is not None), None)


def _starts(program: Path) -> bool:
    result = subprocess.run([program, "--version"], capture_output=True, check=False)
    return result.returncode == 0


POSTGRESQL = Program("PostgreSQL", "postgresql", find_postgres)
REDIS = Program("Redis", "redis-server", find_redis)
CHROMIUM = Program("Chromium", "chromium", find_chromium)
# The quick starts of the documentation are run as they stand.
CURL = Program("curl", "curl", lambda: _which("curl"))
JQ = Program("jq", "jq", lambda: _which("jq"))
PROGRAMS = (POSTGRESQL, REDIS, CHROMIUM, CURL, JQ)
PLAYWRIGHT_INSTALL = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]


def distribution() -> str:
    """`debian`, `ubuntu`, another `ID` of os-release, or an empty string."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""


def install() -> int:
    """Install what is missing where we may; otherwise say what to install. An exit status."""
    missing = [program for program in PROGRAMS if program.find() is None]
    if not missing:
        return 0
    names = ", ".join(program.name for program in missing)
    if os.geteuid() == 0 and distribution() in {"debian", "ubuntu"}:
        print(f"Installing what the tests need: {names}", flush=True)
        _install_packages(missing)
        missing = [program for program in missing if program.find() is None]
    for program in missing:
        print(program.advice(), file=sys.stderr)
    return 1 if missing else 0


def _install_packages(missing: list[Program]) -> None:
    by_playwright = CHROMIUM in missing and distribution() == "ubuntu"
    packages = [p.package for p in missing if not (by_playwright and p is CHROMIUM)]
    # RUNLEVEL=1 keeps the packages from starting a server: the tests run their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    commands = [["apt-get", "update", "-q"]]
    if packages:
        commands.append(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages])
    if by_playwright:
        commands.append(PLAYWRIGHT_INSTALL)
    for command in commands:
        # A failed update may leave a usable list, and what is still missing is said by the caller.
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
