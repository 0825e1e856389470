"""Runs `tests.accounts.leaving.killed` for a test."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.children import child_environment
from tests.services import ROOT


class Kills:
    """`kills("make", archive_id, 17)` works on a job and is killed before its 17th statement."""

    def __init__(self, storage: Path) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        environment = child_environment({"STORAGE_URL": str(storage), "PYTHONPATH": path})
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.leaving.killed"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, what: str, job_id: object, number: int) -> None:
        assert self._ask(what, job_id, number) == f"{-signal.SIGKILL} -"

    def count(self, what: str, job_id: object) -> int:
        """Do the work to its end. Returns how many statements it took."""
        status, _, seen = self._ask(what, job_id, 0).partition(" ")
        assert status == "0"
        return int(seen)

    def _ask(self, what: str, job_id: object, number: int) -> str:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(number, what, job_id, file=self._program.stdin, flush=True)
        return self._program.stdout.readline().strip()

    def close(self) -> None:
        self._program.communicate(timeout=30)


def spread(statements: int, kills: int) -> list[int]:
    """Numbers of statements, over the whole work: neither the first nor past the last."""
    return [2 + (statements - 3) * each // max(1, kills - 1) for each in range(kills)]
