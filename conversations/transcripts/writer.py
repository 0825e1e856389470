"""Batches become rows. Runs in a database thread, never on the event loop.

One transaction a call, however many conversations it carries. Each conversation's lease
row is locked and its epoch compared, so a worker whose lease is gone writes nothing. Rows
are written by `(conversation, epoch, first_seq)`: writing a batch again changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.models import Conversation, Event, Lease, Turn
from conversations.states import Speaker, TurnState
from conversations.transcripts.records import Batch, TurnRecord
from conversations.usage.book import write_usage
from conversations.webhooks.outbox import announce_all
from conversations.webhooks.telling import ended, finished

FIRST_WORDS_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch: `saved` are the keys of the finished turns in it."""

    conversation_id: uuid.UUID
    fenced: bool
    saved: Sequence[str] = ()


def write(batches: Sequence[Batch]) -> list[Outcome]:
    """Store `batches` in one transaction. Raises django.db.Error if none was stored."""
    with platform_scope("transcript writer"), transaction.atomic():
        epochs = held_epochs(batches)
        valid = [batch for batch in batches if epochs.get(batch.conversation_id) == batch.epoch]
        turns = write_turns(valid)
        write_events(valid)
        over = write_conversations(valid)
        announce_all([*finished(turns), *map(ended, over)])
        write_handles(valid)
        # Last: it holds rows that workers share until the transaction ends.
        write_usage([record for batch in valid for record in batch.usage])
    return [outcome(batch, fenced=batch not in valid) for batch in batches]


def outcome(batch: Batch, *, fenced: bool) -> Outcome:
    if fenced:
        return Outcome(batch.conversation_id, fenced=True)
    finished = [turn.key for turn in batch.turns if turn.state != TurnState.PARTIAL]
    return Outcome(batch.conversation_id, fenced=False, saved=finished)


def held_epochs(batches: Sequence[Batch]) -> dict[uuid.UUID, int]:
    """Lock the lease rows, in one order for all workers, and read their epochs."""
    ids = [batch.conversation_id for batch in batches]
    leases = Lease.objects.select_for_update().filter(conversation_id__in=ids)
    return dict(leases.order_by("conversation_id").values_list("conversation_id", "epoch"))


def write_turns(batches: Sequence[Batch]) -> list[Turn]:
    rows = [turn_row(batch, turn) for batch in batches for turn in batch.turns]
    Turn.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["conversation", "epoch", "first_seq"],
        update_fields=["last_seq", "state", "text", "end_ms"],
    )
    return rows


def turn_row(batch: Batch, turn: TurnRecord) -> Turn:
    return Turn(
        tenant_id=batch.tenant_id,
        conversation=named(batch),
        epoch=turn.epoch,
        first_seq=turn.first_seq,
        last_seq=turn.last_seq,
        speaker=turn.speaker,
        state=turn.state,
        text=turn.text,
        ref=turn.ref,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
    )


def named(batch: Batch) -> Conversation:
    """The conversation by its name only: the claim read its tenant, so nothing is looked up."""
    return Conversation(id=batch.conversation_id, tenant_id=batch.tenant_id)


def write_events(batches: Sequence[Batch]) -> None:
    rows = [
        Event(
            tenant_id=batch.tenant_id,
            conversation=named(batch),
            epoch=event.epoch,
            seq=event.seq,
            kind=event.kind,
            ms=event.ms,
            data=event.data,
        )
        for batch in batches
        for event in batch.events
    ]
    Event.objects.bulk_create(rows, ignore_conflicts=True)


def write_conversations(batches: Sequence[Batch]) -> list[Conversation]:
    """Returns those that are over now."""
    changed = [batch for batch in batches if batch.state_changed]
    rows = Conversation.objects.in_bulk([batch.conversation_id for batch in changed])
    for batch in changed:
        row = rows[batch.conversation_id]
        row.state, row.last_epoch, row.last_seq = batch.state, batch.epoch, batch.seq
        if not row.first_words:
            row.first_words = first_words(row)
        if batch.end_reason is not None:
            row.end_reason, row.ended_at = batch.end_reason, timezone.now()
    Conversation.objects.bulk_update(
        rows.values(),
        ["state", "last_epoch", "last_seq", "first_words", "end_reason", "ended_at"],
    )
    return [rows[batch.conversation_id] for batch in changed if batch.end_reason is not None]


def first_words(conversation: Conversation) -> str:
    """How the conversation is recognised in a list: what its person said first."""
    said = conversation.turns.filter(speaker=Speaker.USER).exclude(state=TurnState.PARTIAL)
    text = said.filter(text__regex=r"\S").values_list("text", flat=True).first()
    return (text or "").strip()[:FIRST_WORDS_CHARS]


def write_handles(batches: Sequence[Batch]) -> None:
    for batch in batches:
        if batch.handle is not None:
            lease = Lease(tenant_id=batch.tenant_id, conversation_id=batch.conversation_id)
            Lease.objects.filter(conversation_id=batch.conversation_id).update(
                sealed_handle=lease.seal_handle(batch.handle)
            )
