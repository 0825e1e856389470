"""Drives rotations in processes that kill themselves, as `kill -9` would, at a chosen point.

It reads a line for each run, `<point> <seconds>`: the clock stands so many seconds after the
real one. A point is `<kind>:<number>`: the number-th time that a row of a rotation is about to
be stored (`store`), or that an answer of Google's has arrived and is not stored yet (`answer`).
It answers with the exit status, -9 when the run was killed, 0 when it went to its end.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

UPDATE = 'UPDATE "accounts_credentialrotation"'


class Killer:
    def __init__(self, point: str) -> None:
        self._kind, _, number = point.partition(":")
        self._number = int(number or 0)
        self._seen: Counter[str] = Counter()

    def reach(self, kind: str) -> None:
        self._seen[kind] += 1
        if kind == self._kind and self._seen[kind] == self._number:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """A wrapper of every database connection."""
        if sql.startswith(UPDATE):
            self.reach("store")
        return execute(sql, params, many, context)

    def after_each_answer(self) -> None:
        perform = acts.Hands.perform

        def killing(hands: Any, ask: Any) -> Any:
            answer = perform(hands, ask)
            if ask.act not in {"promote", "fail"}:
                self.reach("answer")
            return answer

        acts.Hands.perform = killing  # type: ignore[method-assign, assignment]


def run(point: str, seconds: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    killer = Killer(point)
    killer.after_each_answer()
    connection_created.connect(
        lambda connection, **_: connection.execute_wrappers.append(killer.on_statement), weak=False
    )
    advance_all(lambda: timezone.now() + timedelta(seconds=float(seconds)))
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    import django

    django.setup()
    from django.db.backends.signals import connection_created
    from django.utils import timezone

    from accounts.rotation import acts
    from accounts.rotation.driving import advance_all

    for line in sys.stdin:
        sys.stdout.write(f"{run(*line.split())}\n")
        sys.stdout.flush()
