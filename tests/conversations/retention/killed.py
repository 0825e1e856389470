"""Erases what is due or a person, and kills itself right before a statement, as `kill -9` would.

It is run as `python -m tests.conversations.retention.killed <number> <what> <id>`: `due` of a
tenant, or the `person` of an erasure. It prints how many statements there were: 0 kills before
none.
"""

import os
import signal
import sys
from collections.abc import Callable
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


def erase(what: str, row_id: UUID) -> None:
    now = timezone.now()
    if what == "person":
        people.erase(row_id, clock=lambda: now + timedelta(days=1), batch=1)
        return
    for kind in due.Kind:
        while due.erase_batch(row_id, kind, now, size=1):
            pass


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    import django

    django.setup()
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from conversations.retention import due, people

    killer = Killer(int(sys.argv[1]))
    connection.execute_wrappers.append(killer.on_statement)
    erase(sys.argv[2], UUID(sys.argv[3]))
    sys.stdout.write(f"{killer.seen}\n")
