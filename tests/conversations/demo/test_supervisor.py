"""Children that come up, fall, hang, and end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from conversations.demo import supervisor
from conversations.demo.supervisor import Child, ChildFailed
from tests.services import ROOT

SERVES = "import signal; print('now ready', flush=True); signal.pause()"
FALLS = "print('boom', flush=True); raise SystemExit(3)"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('now ready', flush=True); signal.pause()"
)
SILENT = "import signal; signal.pause()"
PARENT = f"""
import signal, sys
from pathlib import Path
from conversations.demo.supervisor import Child
command = [sys.executable, "-c", {SERVES!r}]
child = Child("child", command, ready="now ready", logs=Path(sys.argv[1]))
child.wait_ready()
print(child._process.pid, flush=True)
signal.pause()
"""

Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a child that runs a piece of Python."""
    children: list[Child] = []

    def run(code: str) -> Child:
        command = [sys.executable, "-c", code]
        children.append(Child("web", command, ready="now ready", logs=tmp_path))
        return children[-1]

    yield run
    for child in children:
        child.stop()


def failure(act: Callable[[], None]) -> ChildFailed:
    with pytest.raises(ChildFailed) as caught:
        act()
    return caught.value


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.01)


def test_a_child_is_ready_when_it_says_so(start: Start) -> None:
    child = start(SERVES)
    child.wait_ready()
    child.check()
    assert child.log_file.read_text() == "now ready\n"


def test_a_child_that_falls_is_reported_with_its_last_words(start: Start, tmp_path: Path) -> None:
    failed = failure(start(FALLS).wait_ready)
    log_file = tmp_path / "web.log"
    assert (failed.name, failed.code, failed.log_file) == ("web", 3, log_file)
    assert str(failed) == f"web ended with code 3. Its last words are in {log_file}."
    until(lambda: log_file.exists() and log_file.read_text() == "boom\n")


def test_a_child_that_dies_later_is_reported(start: Start) -> None:
    child = start("print('now ready', flush=True); raise SystemExit(1)")

    def watch() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            child.check()

    assert failure(watch).code == 1


def test_a_child_that_never_gets_ready_is_reported(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_S", 0.05)
    failed = failure(start(SILENT).wait_ready)
    assert failed.code is None
    assert "web did not come up in time" in str(failed)


def test_stop_ends_it(start: Start) -> None:
    child = start(SERVES)
    child.wait_ready()
    child.stop()
    child.stop()
    assert failure(child.check).code == -signal.SIGTERM


def test_stop_ends_one_that_does_not_listen(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 0.05)
    child = start(DEAF)
    child.wait_ready()
    child.stop()
    assert failure(child.check).code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    until(lambda: not psutil.pid_exists(child) or is_zombie(child))


def is_zombie(pid: int) -> bool:
    """Ended, but nobody has asked for its status yet: init of a container may be slow."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
