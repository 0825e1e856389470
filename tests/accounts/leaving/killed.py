"""Does the work of leaving, and kills itself right before a statement, as `kill -9` would.

It reads a line for each try, such as `17 make <archive id>` or `17 erase <departure id>`, and
answers with its exit status, which is -9 when it was killed, and how many statements there were:
`0` kills before none. Each try is a process of its own, forked from this one.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID


class Killer:
    def __init__(self, number: int) -> None:
        self._number = number
        self.seen = 0

    def on_statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """A wrapper of the database connection."""
        self.seen += 1
        if self.seen == self._number:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)


def run(number: str, what: str, job_id: str) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with os.fdopen(reading) as answer:
            return f"{status} {answer.read() or '-'}"
    sys.stdout = sys.stderr  # the answers go there
    killer = Killer(int(number))
    connection.execute_wrappers.append(killer.on_statement)
    if what == "make":
        make(UUID(job_id), clock=StepClock(), page=2)
    else:
        erase(UUID(job_id), clock=StepClock(), batch=3)
    os.write(writing, str(killer.seen).encode())
    os._exit(0)


class StepClock:
    """Each look at it is a second later, so that every step is told."""

    def __init__(self) -> None:
        self._now = timezone.now() + timedelta(days=20)

    def __call__(self) -> Any:
        self._now += timedelta(seconds=1)
        return self._now


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from accounts.leaving.archives import make
    from accounts.leaving.erasure import erase

    for line in sys.stdin:
        sys.stdout.write(f"{run(*line.split())}\n")
        sys.stdout.flush()
