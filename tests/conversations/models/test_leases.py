"""Leases on the real PostgreSQL: who hosts a conversation is decided there."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import LEASE_TERM, Agent, Claim, Conversation, Lease
from conversations.states import EndReason
from tests.cast import Cast
from tests.conversations.talks import ago, make_open

pytestmark = pytest.mark.usefixtures("all_tenants")

ROUNDS = 20
PATIENCE_S = 10.0


@pytest.fixture
def conversation(agent: Agent, cast: Cast) -> Conversation:
    """One whose lease has run out."""
    return make_open(agent, cast.acme.member, ago(seconds=1))


def claim(conversation: Conversation, worker: str) -> Claim | None:
    won: Claim | None = Lease.objects.claim(conversation.id, worker, f"tcp://{worker}:1")
    return won


def claim_in_thread(conversation: Conversation, worker: str, start: Callable[[], Any]) -> int:
    """Return the epoch that `worker` won; 0 when it lost."""
    try:
        with platform_scope("test races"):
            start()
            won = claim(conversation, worker)
        return won.epoch if won else 0
    finally:
        connections.close_all()


def wait_for_waiting(count: int) -> None:
    """Wait until `count` statements of other connections wait for a lock."""
    deadline = time.monotonic() + PATIENCE_S
    query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.fetchone() == (count,):
                return
    raise TimeoutError


# --- claiming ------------------------------------------------------------------------


@pytest.mark.usefixtures("transactional_db")
def test_of_two_claims_at_once_one_wins(agent: Agent, cast: Cast) -> None:
    rows = [make_open(agent, cast.acme.member, ago(seconds=1), words=()) for _ in range(ROUNDS)]
    with ThreadPoolExecutor(2) as threads:
        for row in rows:
            start = threading.Barrier(2).wait
            racing = [
                threads.submit(claim_in_thread, row, worker, start) for worker in ("one", "two")
            ]
            assert sorted(future.result() for future in racing) == [0, 2]


@pytest.mark.usefixtures("transactional_db")
def test_of_two_claims_that_wait_for_the_same_row_one_wins(conversation: Conversation) -> None:
    """The case that PostgreSQL checks again after the wait, but for conditions in a subquery."""
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            Lease.objects.select_for_update().get(conversation=conversation)
            racing = [
                threads.submit(claim_in_thread, conversation, worker, lambda: None)
                for worker in ("one", "two")
            ]
            wait_for_waiting(2)
        assert sorted(future.result() for future in racing) == [0, 2]


def test_a_claim_names_the_new_host_for_a_term(conversation: Conversation) -> None:
    won = claim(conversation, "one")
    assert won == Claim(conversation.id, conversation.tenant_id, epoch=2)
    assert Lease.objects.holder(conversation.id) == ("tcp://one:1", 2)
    left = Lease.objects.get().expires_at - timezone.now()
    assert timedelta(0) < left <= LEASE_TERM


def test_a_new_conversation_can_be_claimed_at_once(agent: Agent) -> None:
    with tenant_scope(agent.tenant_id):
        row = Conversation.objects.create(agent=agent)
        Lease.objects.create(conversation=row)
    assert Lease.objects.holder(row.id) is None
    won = claim(row, "one")
    assert won is not None
    assert won.epoch == 1


def test_nobody_claims_what_has_not_expired(agent: Agent, cast: Cast) -> None:
    row = make_open(agent, cast.acme.member, timezone.now() + timedelta(minutes=1))
    assert claim(row, "other") is None
    assert claim(row, "gone") is None, "not even its own holder, who would count an epoch twice"
    assert Lease.objects.get().epoch == 1


def test_what_has_ended_cannot_be_claimed(conversation: Conversation) -> None:
    conversation.end(EndReason.NETWORK_LOST)
    assert claim(conversation, "one") is None


def test_what_nobody_knows_cannot_be_claimed(conversation: Conversation) -> None:
    assert Lease.objects.claim(uuid.uuid4(), "one", "tcp://one:1") is None


def test_an_expired_holder_is_nobody(conversation: Conversation) -> None:
    assert Lease.objects.holder(conversation.id) is None


# --- keeping and letting go -----------------------------------------------------------


def test_renewal_extends_all_of_a_workers_leases_and_no_others(agent: Agent, cast: Cast) -> None:
    mine = [make_open(agent, cast.acme.member, ago(seconds=1)) for _ in range(2)]
    other = make_open(agent, cast.acme.member, ago(seconds=1))
    for row in mine:
        claim(row, "one")
    claim(other, "two")
    Lease.objects.update(expires_at=Now())
    assert Lease.objects.renew("one") == {row.id: (2, "") for row in mine}
    assert [Lease.objects.holder(row.id) for row in mine] == [("tcp://one:1", 2)] * 2
    assert Lease.objects.holder(other.id) is None


def test_renewal_brings_the_stop_reason(conversation: Conversation) -> None:
    claim(conversation, "one")
    Conversation.objects.filter(id=conversation.id).update(stop_reason=EndReason.STAFF_ENDED)
    assert Lease.objects.renew("one") == {conversation.id: (2, "staff-ended")}


def test_renewal_misses_what_was_taken_away(conversation: Conversation) -> None:
    claim(conversation, "one")
    Lease.objects.update(expires_at=Now())
    assert claim(conversation, "two") is not None
    assert Lease.objects.renew("one") == {}
    assert Lease.objects.holder(conversation.id) == ("tcp://two:1", 3)


def test_who_releases_lets_others_claim_at_once(conversation: Conversation) -> None:
    claim(conversation, "one")
    Lease.objects.release(conversation.id, "one", 2)
    assert Lease.objects.holder(conversation.id) is None
    assert claim(conversation, "two") == Claim(conversation.id, conversation.tenant_id, epoch=3)


@pytest.mark.parametrize(("worker", "epoch"), [("one", 2), ("one", 3), ("two", 2)])
def test_a_former_holder_releases_and_retires_nothing(
    conversation: Conversation, worker: str, epoch: int
) -> None:
    claim(conversation, "one")
    Lease.objects.update(expires_at=Now())
    claim(conversation, "two")
    Lease.objects.release(conversation.id, worker, epoch)
    Lease.objects.retire(conversation.id, worker, epoch)
    assert Lease.objects.holder(conversation.id) == ("tcp://two:1", 3)


def test_who_retires_takes_the_lease_away_for_good(conversation: Conversation) -> None:
    claim(conversation, "one")
    Lease.objects.retire(conversation.id, "one", 2)
    assert not Lease.objects.exists()
    assert claim(conversation, "two") is None


# --- the handle -----------------------------------------------------------------------


def sealed_for(lease: Lease, handle: str) -> None:
    lease.sealed_handle = lease.seal_handle(handle)
    lease.save()


def test_a_handle_opens_only_for_its_own_conversation(agent: Agent, cast: Cast) -> None:
    mine, other = (make_open(agent, cast.acme.member, ago(seconds=1)).lease for _ in range(2))
    sealed_for(mine, "handle-1")
    stored = Lease.objects.get(pk=mine.pk)
    assert b"handle-1" not in bytes(stored.sealed_handle or b"")
    assert stored.open_handle() == "handle-1"
    other.sealed_handle = stored.sealed_handle
    assert other.open_handle() is None


def test_a_handle_opens_only_for_its_own_tenant(conversation: Conversation, cast: Cast) -> None:
    lease = conversation.lease
    sealed_for(lease, "handle-1")
    stolen = Lease(
        tenant=cast.globex.tenant,
        conversation_id=conversation.id,
        sealed_handle=lease.sealed_handle,
    )
    assert stolen.open_handle() is None


def test_without_a_handle_there_is_none(conversation: Conversation) -> None:
    assert conversation.lease.open_handle() is None
