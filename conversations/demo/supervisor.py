"""Child processes that live and die together with the demo."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

READY_S = 60.0
STOP_S = 25.0
PR_SET_PDEATHSIG = 1  # prctl(2)


class ChildFailed(Exception):
    """A child did not come up, or ended by itself."""

    def __init__(self, name: str, code: int | None, log_file: Path) -> None:
        super().__init__(name)
        self.name, self.code, self.log_file = name, code, log_file

    def __str__(self) -> str:
        what = "did not come up in time" if self.code is None else f"ended with code {self.code}"
        return f"{self.name} {what}. Its last words are in {self.log_file}."


class Child:
    """One process; its output goes into a log file and is watched for its `ready` text."""

    def __init__(self, name: str, command: list[str], *, ready: str, logs: Path) -> None:
        self.name = name
        self._ready_text = ready.encode()
        self.log_file = logs / f"{name}.log"
        self._ready = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the supervisor's; it ends the children in order
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
        threading.Thread(target=self._copy, daemon=True).start()

    def wait_ready(self) -> None:
        """Wait for the ready line. Raises ChildFailed."""
        deadline = time.monotonic() + READY_S
        while not self._ready.wait(0.1):
            if (code := self._process.poll()) is not None:
                raise ChildFailed(self.name, code, self.log_file)
            if time.monotonic() > deadline:
                raise ChildFailed(self.name, None, self.log_file)

    def check(self) -> None:
        """Raise ChildFailed if the process is gone."""
        if (code := self._process.poll()) is not None:
            raise ChildFailed(self.name, code, self.log_file)

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _copy(self) -> None:
        output: IO[bytes] | None = self._process.stdout
        if output is None:
            return
        with output, self.log_file.open("wb") as log:
            for line in output:
                log.write(line)
                log.flush()
                if self._ready_text in line:
                    self._ready.set()


def die_with_parent() -> None:
    """Even `kill -9` of the demo leaves no child behind (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:
        os._exit(1)
