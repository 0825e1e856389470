"""`manage.py` with one thing more: on SIGUSR2 it tells which tasks it has.

`python -m tests.chaos.inspected worker` is `python manage.py worker`; after the signal its
output has a line `inspected {"<task>": <how many>, ...}`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from types import FrameType

import manage


def tell(_signal: int, _frame: FrameType | None) -> None:
    tasks = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    names = Counter(label(task) for task in tasks if not task.done())
    # Not through the buffered stream: the signal may have come in the middle of a line.
    os.write(sys.stdout.fileno(), f"\ninspected {json.dumps(names)}\n".encode())


def label(task: asyncio.Task[object]) -> str:
    """Its name if somebody gave it one, else its coroutine's."""
    name = task.get_name()
    if not name.startswith("Task-"):
        return name
    return getattr(task.get_coro(), "__qualname__", "task")


def main() -> None:
    signal.signal(signal.SIGUSR2, tell)
    sys.argv[0] = manage.__file__
    manage.main()


if __name__ == "__main__":
    main()
