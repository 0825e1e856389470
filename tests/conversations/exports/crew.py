"""Celery workers for a test, each forked from a process that has loaded everything already.

It reads a line for each wish: `begin` answers with the process id of a new worker, `kill <pid>`
kills it with -9 and answers with its exit status.
"""

from __future__ import annotations

import os
import signal
import sys

OPTIONS = ("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat")


def begin() -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    os.dup2(2, 1)  # the answers go there
    try:
        app.worker_main(["worker", "--loglevel", "INFO", *OPTIONS])
    finally:
        os._exit(1)


def kill(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    from config.celery import app

    app.loader.import_default_modules()
    for line in sys.stdin:
        wish, *pids = line.split()
        sys.stdout.write(f"{begin() if wish == 'begin' else kill(int(pids[0]))}\n")
        sys.stdout.flush()
