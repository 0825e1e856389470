"""Abandoned conversations are ended once, whoever else is at work."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations import tasks
from conversations.models import Conversation, Lease
from conversations.states import ConversationState, EndReason, Speaker, TurnState
from conversations.tasks import (
    ABANDONED_AFTER,
    abandoned_conversations,
    close_abandoned,
    close_abandoned_conversations,
)
from tests.cast import Cast
from tests.children import child_environment
from tests.conversations.talks import add_turn, ago, make_agent, make_open
from tests.services import ROOT

CELERY = [sys.executable, "-m", "celery", "-A", "config"]
LONG_AGO = ABANDONED_AFTER + timedelta(minutes=1)


@pytest.fixture
def abandoned(cast: Cast) -> Conversation:
    """A conversation of Acme's member whose worker died long ago, with half a turn said."""
    row = make_open(make_agent(cast.acme.tenant), cast.acme.member, timezone.now() - LONG_AGO)
    with platform_scope("test"):
        Conversation.objects.filter(pk=row.pk).update(started_at=ago(hours=3))
    add_turn(row, 50, "The price is", Speaker.AGENT, TurnState.PARTIAL)
    return row


@contextmanager
def everything() -> Iterator[None]:
    with platform_scope("test"):
        yield


def test_ends_when_it_was_last_hosted(abandoned: Conversation) -> None:
    with everything():
        last_hosted = abandoned.lease.expires_at
    assert close_abandoned_conversations() == 1
    with everything():
        abandoned.refresh_from_db()
        events = list(abandoned.events.values_list("epoch", "seq", "kind", "data"))
    assert abandoned.state == ConversationState.ENDED
    assert abandoned.end_reason == EndReason.NETWORK_LOST
    assert abandoned.ended_at == last_hosted
    assert events == [(2, 1, "ended", {"reason": "network-lost"})]


def test_marks_what_was_half_said(abandoned: Conversation) -> None:
    close_abandoned_conversations()
    with everything():
        states = list(abandoned.turns.values_list("state", flat=True))
    assert states == [TurnState.FINAL, TurnState.FINAL, TurnState.INTERRUPTED]


def test_says_the_reason_somebody_gave(abandoned: Conversation) -> None:
    with everything():
        Conversation.objects.filter(pk=abandoned.pk).update(stop_reason=EndReason.STAFF_ENDED)
    close_abandoned_conversations()
    with everything():
        abandoned.refresh_from_db()
    assert abandoned.end_reason == EndReason.STAFF_ENDED


def test_never_ends_before_it_began(abandoned: Conversation) -> None:
    with everything():
        Conversation.objects.filter(pk=abandoned.pk).update(started_at=timezone.now())
    close_abandoned_conversations()
    with everything():
        abandoned.refresh_from_db()
    assert abandoned.duration_ms == 0


def test_a_second_run_changes_nothing(abandoned: Conversation) -> None:
    assert close_abandoned_conversations() == 1
    with everything():
        abandoned.refresh_from_db()
    first = abandoned.ended_at
    assert close_abandoned_conversations(timezone.now() + timedelta(hours=5)) == 0
    with everything():
        abandoned.refresh_from_db()
        assert abandoned.events.count() == 1
    assert abandoned.ended_at == first


def test_leaves_a_fresh_one_until_its_time_comes(cast: Cast) -> None:
    now = timezone.now()
    make_open(make_agent(cast.acme.tenant), cast.acme.member, now - timedelta(minutes=119))
    assert close_abandoned_conversations(now) == 0
    assert close_abandoned_conversations(now + timedelta(minutes=2)) == 1


def test_leaves_one_that_was_claimed_meanwhile(abandoned: Conversation) -> None:
    cutoff = timezone.now() - ABANDONED_AFTER
    with everything():
        (seen,) = abandoned_conversations(cutoff)
        assert Lease.objects.claim(abandoned.id, "new", "tcp://127.0.0.1:1")
        assert not close_abandoned(seen, cutoff)
        abandoned.refresh_from_db()
        assert abandoned.turns.filter(state=TurnState.PARTIAL).exists()
    assert abandoned.state == ConversationState.LIVE


def test_nobody_claims_one_that_was_ended(abandoned: Conversation) -> None:
    close_abandoned_conversations()
    with everything():
        assert Lease.objects.claim(abandoned.id, "new", "tcp://127.0.0.1:1") is None
        assert not Lease.objects.filter(conversation=abandoned).exists()


def test_a_claim_and_the_task_never_both_win(transactional_db: None, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    cutoff = timezone.now() - ABANDONED_AFTER
    for _ in range(8):
        row = make_open(agent, cast.acme.member, timezone.now() - LONG_AGO)
        together = threading.Barrier(2)

        def close(row: Conversation = row, together: threading.Barrier = together) -> bool:
            with everything():
                (seen,) = (r for r in abandoned_conversations(cutoff) if r.pk == row.pk)
                together.wait()
                return close_abandoned(seen, cutoff)

        def claim(row: Conversation = row, together: threading.Barrier = together) -> bool:
            with everything():
                together.wait()
                return Lease.objects.claim(row.id, "new", "tcp://127.0.0.1:1") is not None

        with ThreadPoolExecutor(2) as pool:
            closed, claimed = pool.submit(own_connection, close), pool.submit(own_connection, claim)
        assert closed.result() != claimed.result()
        with everything():
            row.refresh_from_db()
        assert row.has_ended == closed.result()


def own_connection(work: Callable[[], bool]) -> bool:
    try:
        return work()
    finally:
        connection.close()


def test_works_in_batches_over_all_tenants(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH", 2)
    for company in (cast.acme, cast.globex):
        agent = make_agent(company.tenant)
        for _ in range(3):
            make_open(agent, company.member, timezone.now() - LONG_AGO)
    assert close_abandoned_conversations() == 6


def test_a_celery_worker_runs_it(
    transactional_db: None, abandoned: Conversation, run_id: str
) -> None:
    """The real worker, the real broker, the real database."""
    alone = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    worker = subprocess.Popen(
        [*CELERY, "worker", "--pool", "solo", "--loglevel", "INFO", "--queues", run_id, *alone],
        cwd=ROOT,
        env=child_environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        close_abandoned_conversations.apply_async(queue=run_id)
        output = read_until(worker, "succeeded")
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    with everything():
        abandoned.refresh_from_db()
    assert abandoned.state == ConversationState.ENDED, output


@pytest.fixture
def run_id() -> str:
    """A queue of its own: the broker may be shared."""
    return f"test-{uuid.uuid4().hex}"


def read_until(process: subprocess.Popen[str], word: str) -> str:
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if word in line:
            return "".join(lines)
        if "raised" in line:
            break
    pytest.fail("not done: " + "".join(lines))
