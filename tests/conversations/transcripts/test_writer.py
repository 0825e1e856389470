"""Batches become rows, once, and only under the lease they were said under."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.db import DatabaseError

from conversations.models import Agent, Conversation, Event, Lease, Turn, Usage, UsageDay
from conversations.states import ConversationState, EndReason, Speaker, TurnState
from conversations.transcripts.records import Batch, EventRecord, TurnRecord
from conversations.transcripts.writer import Outcome, write
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_open
from tests.conversations.usage.uses import a_record

pytestmark = pytest.mark.usefixtures("all_tenants")

EPOCH = 1  # of the leases that `make_open` makes


@pytest.fixture
def conversation(agent: Agent, cast: Cast) -> Conversation:
    return make_open(agent, cast.acme.member, ago(seconds=-60), words=())


def turn(first_seq: int, text: str, **fields: Any) -> TurnRecord:
    whole = TurnRecord(
        epoch=EPOCH,
        first_seq=first_seq,
        last_seq=first_seq + 2,
        speaker=Speaker.USER,
        state=TurnState.FINAL,
        text=text,
        ref="",
        start_ms=first_seq * 10,
        end_ms=first_seq * 10 + 5,
    )
    return dataclasses.replace(whole, **fields)


def batch(conversation: Conversation, *turns: TurnRecord, **fields: Any) -> Batch:
    whole = Batch(
        conversation_id=conversation.id,
        tenant_id=conversation.tenant_id,
        epoch=EPOCH,
        seq=9,
        state=ConversationState.LIVE,
        turns=list(turns),
    )
    return dataclasses.replace(whole, **fields)


def stored(conversation: Conversation) -> list[tuple[str, str, str]]:
    rows = conversation.turns.all()
    return [(row.key, row.state, row.text) for row in rows]


def test_what_was_said_is_stored_as_it_was_said(conversation: Conversation) -> None:
    said = turn(3, "Do you have size 42?", ref="r1")
    (outcome,) = write([batch(conversation, said)])
    assert outcome == Outcome(conversation.id, fenced=False, saved=["1.3"])
    row = Turn.objects.get()
    for field in dataclasses.fields(TurnRecord):
        assert getattr(row, field.name) == getattr(said, field.name)
    assert row.tenant_id == conversation.tenant_id
    conversation.refresh_from_db()
    assert (conversation.state, conversation.last_epoch, conversation.last_seq) == ("live", 1, 9)


def test_the_same_batch_again_changes_nothing(conversation: Conversation) -> None:
    interrupted = EventRecord(EPOCH, 8, "interrupted", 80, {"stream": 1})
    whole = batch(conversation, turn(3, "Hello"), turn(6, "Hm"), events=[interrupted])
    first, second = write([whole]), write([whole])
    assert first == second
    assert stored(conversation) == [("1.3", "final", "Hello"), ("1.6", "final", "Hm")]
    assert Event.objects.values_list("seq", "kind", "data").get() == (
        8,
        "interrupted",
        {"stream": 1},
    )


def test_a_newer_batch_goes_over_an_older_one(conversation: Conversation) -> None:
    partial = turn(3, "Do you", state=TurnState.PARTIAL, end_ms=None)
    (first,) = write([batch(conversation, partial)])
    (second,) = write([batch(conversation, turn(3, "Do you have size 42?", last_seq=7))])
    assert (first.saved, second.saved) == ([], ["1.3"])
    row = Turn.objects.get()
    assert (row.text, row.state, row.last_seq, row.end_ms) == (
        "Do you have size 42?",
        "final",
        7,
        35,
    )


def test_under_a_lost_epoch_nothing_is_written(agent: Agent, cast: Cast) -> None:
    lost, held, gone = (
        make_open(agent, cast.acme.member, ago(seconds=-60), words=()) for _ in range(3)
    )
    Lease.objects.filter(conversation=lost).update(epoch=EPOCH + 1)
    Lease.objects.filter(conversation=gone).delete()
    event = EventRecord(EPOCH, 8, "notice", 80, {})
    outcomes = write(
        [
            batch(row, turn(3, "Hello"), events=[event], handle="handle-1", seq=77)
            for row in (lost, held, gone)
        ]
    )
    assert outcomes == [
        Outcome(lost.id, fenced=True),
        Outcome(held.id, fenced=False, saved=["1.3"]),
        Outcome(gone.id, fenced=True),
    ]
    assert stored(held) == [("1.3", "final", "Hello")]
    for row in (lost, gone):
        row.refresh_from_db()
        assert stored(row) == []
        assert not row.events.exists()
        assert (row.last_seq, row.first_words) == (0, "")
    assert Lease.objects.get(conversation=lost).sealed_handle is None


def test_two_tenants_share_a_transaction(conversation: Conversation, cast: Cast) -> None:
    other = make_open(
        make_agent(cast.globex.tenant), cast.globex.member, ago(seconds=-60), words=()
    )
    write([batch(conversation, turn(3, "ours")), batch(other, turn(3, "theirs"))])
    assert stored(conversation) == [("1.3", "final", "ours")]
    assert stored(other) == [("1.3", "final", "theirs")]
    assert set(Turn.objects.values_list("tenant_id", flat=True)) == {
        cast.acme.tenant.id,
        cast.globex.tenant.id,
    }


def test_the_users_first_words_are_kept(conversation: Conversation) -> None:
    greeting = turn(1, "Welcome!", speaker=Speaker.AGENT)
    write([batch(conversation, greeting, turn(5, "lon", state=TurnState.PARTIAL))])
    conversation.refresh_from_db()
    assert conversation.first_words == "", "neither the agent's words nor half a turn"
    write([batch(conversation, turn(5, "  " + "long " * 40), turn(8, "later"))])
    write([batch(conversation, turn(11, "last"))])
    conversation.refresh_from_db()
    assert conversation.first_words == ("long " * 40)[:120]


def test_a_blank_turn_does_not_hide_the_first_words(conversation: Conversation) -> None:
    write([batch(conversation, turn(3, "  "))])
    write([batch(conversation, turn(5, "Do you have size 42?"))])
    conversation.refresh_from_db()
    assert conversation.first_words == "Do you have size 42?"


def test_the_end_is_kept_with_its_time(conversation: Conversation) -> None:
    end = {"state": ConversationState.ENDED, "end_reason": EndReason.IDLE_LIMIT}
    write([batch(conversation, **end)])
    conversation.refresh_from_db()
    assert (conversation.state, conversation.end_reason) == ("ended", "idle-limit")
    assert conversation.ended_at is not None
    assert conversation.ended_at >= conversation.started_at


def test_the_handle_is_stored_sealed(conversation: Conversation) -> None:
    write([batch(conversation, handle="handle-1")])
    lease = Lease.objects.get()
    assert b"handle-1" not in bytes(lease.sealed_handle or b"")
    assert lease.open_handle() == "handle-1"
    write([batch(conversation)])
    assert Lease.objects.get().open_handle() == "handle-1", "no news leaves it alone"


def test_what_the_database_refuses_stores_nothing_of_the_transaction(
    agent: Agent, cast: Cast
) -> None:
    good, spoilt = (
        make_open(agent, cast.acme.member, ago(seconds=-60), words=()) for _ in range(2)
    )
    with pytest.raises(DatabaseError):
        write([batch(good, turn(3, "Hello")), batch(spoilt, turn(3, "\0"))])
    assert stored(good) == []


def test_nothing_to_write_is_no_error(db: None) -> None:
    assert write([]) == []


def test_what_was_used_is_counted_once(conversation: Conversation) -> None:
    whole = batch(conversation, turn(3, "Hello"), usage=[a_record(conversation, epoch=EPOCH)])
    write([whole])
    write([whole])
    assert Usage.objects.count() == 1
    day = UsageDay.objects.get(subject=conversation.tenant_id)
    assert (day.talked_ms, day.text_in) == (60_000, 1000)


def test_under_a_lost_epoch_nothing_is_counted(conversation: Conversation) -> None:
    Lease.objects.update(epoch=EPOCH + 1)
    (outcome,) = write([batch(conversation, usage=[a_record(conversation, epoch=EPOCH)])])
    assert outcome.fenced
    assert not Usage.objects.exists()
    assert not UsageDay.objects.exists()


def test_words_that_are_not_stored_leave_nothing_counted(conversation: Conversation) -> None:
    with pytest.raises(DatabaseError):
        write([batch(conversation, turn(3, "\0"), usage=[a_record(conversation, epoch=EPOCH)])])
    assert not Usage.objects.exists()
