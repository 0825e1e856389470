"""Child processes: ready when they say so, gone when the test ends."""

import os
import signal
import sys

import psutil
import pytest

from tests.children import Child, ChildError, Children

TALKER = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("started", child.pid, flush=True)
signal.pause()
"""


def python(code: str) -> Child:
    return Child([sys.executable, "-c", code], os.environ)


def test_a_child_is_ready_when_it_says_so() -> None:
    child = python(TALKER)
    grandchild = psutil.Process(int(child.wait_for(r"started (\d+)")[1]))
    assert psutil.Process(child.pid).is_running()
    child.close()
    assert child.returncode == -signal.SIGTERM
    grandchild.wait(5)


def test_kill_takes_what_it_started_along() -> None:
    child = python(TALKER)
    grandchild = psutil.Process(int(child.wait_for(r"started (\d+)")[1]))
    child.kill()
    assert child.returncode == -signal.SIGKILL
    grandchild.wait(5)
    child.close()


def test_a_child_that_ends_too_early_shows_its_output() -> None:
    child = python("raise SystemExit('no room')")
    with pytest.raises(ChildError, match="no room"):
        child.wait_for("ready")
    child.close()


def test_a_port_that_stays_closed_is_told(free_port: int) -> None:
    child = python("raise SystemExit('no port')")
    with pytest.raises(ChildError, match=f"port {free_port}"):
        child.wait_for_port(free_port)
    child.close()


def test_an_open_port_is_seen(free_port: int) -> None:
    code = f"import socket, signal; s = socket.create_server(('127.0.0.1', {free_port}))"
    child = python(f"{code}; signal.pause()")
    child.wait_for_port(free_port)
    assert child.returncode is None
    child.close()


def test_commands_run_with_the_environment_of_the_test(spawn: Children) -> None:
    child = spawn("diffsettings", ready="GEMINI_BASE_URL", env={"LOG_LEVEL": "WARNING"})
    assert child.wait() == 0
    child.wait_for("LOGGING = .*WARNING")
    assert child.output in dict(spawn.outputs()).values()
