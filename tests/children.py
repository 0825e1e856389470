"""Child processes of a test: `manage.py` commands with the environment of the test."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from tests.services import ROOT

READY_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 15.0
PAUSE = 0.05


class ChildError(Exception):
    """A child ended, or said nothing, before it was ready; the text holds its output."""


class Child:
    """One running command. Its standard output and error are one text, read as it comes."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.command = command
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, pattern: str, timeout: float = READY_TIMEOUT) -> re.Match[str]:
        """Return the first match of `pattern` in the output. Raises ChildError."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while (found := re.search(pattern, "".join(self._lines))) is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise ChildError(f"no {pattern!r} from {self.command}: {''.join(self._lines)}")
                self._changed.wait(min(left, PAUSE))
        return found

    def wait_for_port(self, port: int, timeout: float = READY_TIMEOUT) -> None:
        """Return when 127.0.0.1:`port` takes connections. Raises ChildError."""
        deadline = time.monotonic() + timeout
        while self.returncode is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PAUSE)
        raise ChildError(f"port {port} of {self.command} stayed closed: {self.output}")

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9 for the command and every process it started; return when it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it, politely first, and release the pipe."""
        if self.returncode is None:
            self.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        self.kill()
        self._reader.join(STOP_TIMEOUT)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()


class Children:
    """Starts children: `spawn("worker", ready=r"listening on (\\S+)")`.

    Call it through `asyncio.to_thread` when the child needs something of the test's own loop
    before it is ready.
    """

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __call__(
        self,
        *arguments: str,
        ready: str | None = None,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = READY_TIMEOUT,
    ) -> Child:
        """Start `manage.py` with `arguments`; return when it is ready.

        `ready` is a pattern its output has to match, `port` one that has to take connections on
        127.0.0.1; without both the child is returned at once. `env` is laid over the test's own
        environment; `DATABASE_URL` already names the test database. Raises ChildError.
        """
        command = [sys.executable, "manage.py", *arguments]
        child = Child(command, child_environment(env or {}))
        self._children.append(child)
        if ready is not None:
            child.wait_for(ready, timeout)
        if port is not None:
            child.wait_for_port(port, timeout)
        return child

    def adopt(self, child: Child) -> Child:
        """End `child`, which is no `manage.py`, together with the others."""
        self._children.append(child)
        return child

    def outputs(self) -> list[tuple[str, str]]:
        """Title and text of each child, for a failure report."""
        return [(f"Output of {' '.join(c.command[1:])}", c.output) for c in self._children]

    def stop(self) -> None:
        """End all: told at once, so that their farewells overlap; told again, they hurry."""
        for child in self._children:
            if child.returncode is None:
                child.terminate()
        for child in reversed(self._children):
            child.close()


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, pointed at the test database, with `extra` on top."""
    elsewhere = "DATABASE_URL" in extra
    return {
        **os.environ,
        "DATABASE_URL": _test_database_url("DATABASE_URL"),
        "MIGRATE_DATABASE_URL": "" if elsewhere else _test_database_url("MIGRATE_DATABASE_URL"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # A machine that is busy with tests is late, and no test is about that.
        "WORKER_LAG_MS": "0",
        **extra,
    }


def _test_database_url(variable: str) -> str:
    from django.db import connection

    scheme, host, _, query, _ = urlsplit(os.environ[variable])
    return urlunsplit((scheme, host, f"/{connection.settings_dict['NAME']}", query, ""))
