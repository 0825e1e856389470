"""Runs management commands that kill themselves, as `kill -9` would, right before a step.

It reads a line for each command, such as `rename:1 keyset rotate`, and answers with its exit
status, which is -9 when it was killed. Each runs in a process of its own, forked from this one:
starting Django anew takes seconds.

Steps, each with its number: `rename` (a file is about to take the place of the keyset),
`folder` (it has taken it), `update` (a row is about to be re-sealed), `insert` (an entry of the
audit is about to be written).
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

STATEMENTS = {
    "update": 'UPDATE "accounts_credential"',
    "insert": 'INSERT INTO "accounts_auditentry"',
}


class Killer:
    def __init__(self, point: str) -> None:
        self._step, _, number = point.partition(":")
        self._number = int(number)
        self._seen: Counter[str] = Counter()
        self._folder = os.path.dirname(os.environ["KEYSET_FILE"])  # noqa: PTH120

    def reach(self, step: str) -> None:
        self._seen[step] += 1
        if step == self._step and self._seen[step] == self._number:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook of the interpreter."""
        if event == "os.rename" and str(arguments[1]) == os.environ["KEYSET_FILE"]:
            self.reach("rename")
        elif event == "open" and str(arguments[0]) == self._folder:
            self.reach("folder")

    def on_statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """A wrapper of the database connection."""
        for step, start in STATEMENTS.items():
            if sql.startswith(start):
                self.reach(step)
        return execute(sql, params, many, context)


def run(point: str, *command: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    killer = Killer(point)
    sys.addaudithook(killer.on_event)
    connection.execute_wrappers.append(killer.on_statement)
    sys.stdout = sys.stderr  # the answers go there
    call_command(*command)
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    for line in sys.stdin:
        sys.stdout.write(f"{run(*line.split())}\n")
        sys.stdout.flush()
