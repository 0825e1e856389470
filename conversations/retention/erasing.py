"""Erasing conversations: whole ones, or their words, sound or events.

All of it runs in the transaction of who asks, which has locked the holds. Tables that have many
rows for one conversation are emptied by one statement each, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.audit import record
from accounts.tenancy import TenantOwned, tenant_scope
from conversations.models import (
    Conversation,
    Event,
    Note,
    Recording,
    ToolCall,
    Turn,
    lock_holds,
)
from conversations.retention.holds import check_conversation

Counts = dict[str, int]
# What the words of a conversation are. Notes hang on turns, so they go first.
WORDS: Final[tuple[type[TenantOwned], ...]] = (Note, Turn, ToolCall)


def erase_conversation(conversation: Conversation, *, actor: str) -> Counts:
    """Delete a conversation with all that hangs on it. What was used on a day stays as a number.

    Returns how many rows went, by noun; nothing for one that is gone already.

    Raises:
        OnHold: a legal hold covers it.
        StillRunning: it has not ended.
    """
    with tenant_scope(conversation.tenant_id), transaction.atomic():
        lock_holds(conversation.tenant_id)
        rows = Conversation.objects.select_for_update().filter(pk=conversation.pk)
        row: Conversation | None = rows.first()
        if row is None:
            return {}
        check_conversation(row)
        counts = delete_conversations([row.pk])
        record("conversation.erased", row, actor=actor, after=counts)
    return counts


def delete_conversations(ids: Collection[UUID]) -> Counts:
    """Delete these, whatever their state."""
    counts = delete_of(ids, *WORDS, Event)
    counts |= sound_of(ids)
    counts["conversations"] = len(ids)
    Conversation.objects.filter(pk__in=ids).delete()
    return _told(counts)


def erase_text(ids: Collection[UUID], now: datetime) -> Counts:
    """Delete what was said, and what was written or answered about it. The rest stays."""
    counts = delete_of(ids, *WORDS)
    Conversation.objects.filter(pk__in=ids).update(first_words="", text_erased_at=now)
    return _told(counts | {"conversations": len(ids)})


def erase_events(ids: Collection[UUID], now: datetime) -> Counts:
    counts = delete_of(ids, Event)
    Conversation.objects.filter(pk__in=ids).update(events_erased_at=now)
    return _told(counts | {"conversations": len(ids)})


def sound_of(ids: Collection[UUID]) -> Counts:
    """Delete the sound. Each row takes its file along after the commit."""
    gone = Recording.objects.filter(conversation__in=ids).delete()[0]
    return {"pieces of recordings": gone}


def delete_of(ids: Collection[UUID], *models: type[TenantOwned]) -> Counts:
    """Delete the models' rows of conversations. Nothing else hangs on them by now."""
    counts = {}
    for model in models:
        rows = model.objects.filter(Q(conversation__in=ids))
        # Django's `delete` reads all rows of a model that others point to, and takes 100 at once.
        counts[str(model._meta.verbose_name_plural)] = rows._raw_delete(rows.db)  # noqa: SLF001
    return counts


def _told(counts: Counts) -> Counts:
    return {noun: count for noun, count in counts.items() if count}
