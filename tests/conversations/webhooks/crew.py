"""Processes for a test, each forked from one that has loaded everything already.

It reads a line for each wish and answers with a number. `tell <tenant>` announces something in a
process that is killed the moment its transaction is committed: its exit status. `deliver` begins a
process that does what the Celery task does: its id. `kill <pid>` kills it with -9 and `join <pid>`
waits for it: its exit status.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from uuid import UUID


def begin(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.dup2(2, 1)  # the answers go there
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tell(tenant: str) -> None:
    with tenant_scope(UUID(tenant)), transaction.atomic():
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        announce(WebhookKind.EXPORT_READY, UUID(tenant), {"export": "one"}, subject="one")


def answer(wish: str, *of: str) -> int:
    if wish == "tell":
        return ended(begin(lambda: tell(of[0])))
    if wish == "deliver":
        return begin(deliver_webhooks)
    if wish == "kill":
        os.kill(int(of[0]), signal.SIGKILL)
    return ended(int(of[0]))


if __name__ == "__main__":
    sys.path.insert(0, "platform")
    import django

    django.setup()

    from django.db import transaction

    from accounts.tenancy import tenant_scope
    from conversations.models import WebhookKind
    from conversations.webhooks.delivering import deliver_webhooks
    from conversations.webhooks.outbox import announce

    for line in sys.stdin:
        sys.stdout.write(f"{answer(*line.split())}\n")
        sys.stdout.flush()
