"""Is there room for one more conversation among the workers? Runs in a database thread.

Workers say each second whether they take anything on (`WorkerProcess.has_room`); conversations
that find no room stand in line in the database (`Lease.wanted_at`), where the first one is the
first to be taken. People wait there; programs are refused, and told when to ask again.
"""

from __future__ import annotations

from conversations.models import Lease, WorkerProcess

# When a program asks again: soon, and later the more are waiting before it.
RETRY_S = 5
LATEST_RETRY_S = 60


def all_full() -> bool:
    """Whether workers are there and none of them takes one more. Those that drain do not count:
    others are about to come."""
    taking = WorkerProcess.objects.living().exclude(has_room=None)
    answers = set(taking.values_list("has_room", flat=True))
    return answers == {False}


def retry_after_s() -> int:
    """In how many seconds a program that was refused may find room. Needs the platform scope."""
    return min(LATEST_RETRY_S, RETRY_S + Lease.objects.in_line().count())
