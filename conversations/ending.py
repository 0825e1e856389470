"""How staff, and programs in their name, end a conversation that others hold."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from accounts.audit import record
from conversations.models import Conversation, Event, Lease, Turn
from conversations.states import ConversationState, EndReason
from conversations.webhooks.telling import end_and_tell, tell_turns


def end_for_staff(conversation: Conversation, actor: str) -> None:
    """Ask for the end: whoever hosts the conversation sees that within two seconds. One that
    nobody hosts is over at once. What is asked for again, or has ended, changes nothing."""
    with transaction.atomic():
        rows = Conversation.objects.filter(pk=conversation.pk)
        running = rows.exclude(state=ConversationState.ENDED)
        if running.filter(stop_reason="").update(stop_reason=EndReason.STAFF_ENDED):
            record("conversation.stopped", conversation, actor=actor)
        lease = Lease.objects.filter(conversation=conversation).first()
        if lease is not None and Lease.objects.drop_unhosted(conversation.pk):
            _end_unhosted(rows.get(), lease.epoch)
    conversation.refresh_from_db()


def _end_unhosted(conversation: Conversation, epoch: int) -> None:
    reason = EndReason(conversation.stop_reason or EndReason.STAFF_ENDED)
    end_and_tell(conversation, reason)
    conversation.refresh_from_db()
    record_end(conversation, reason, epoch, timedelta(milliseconds=conversation.duration_ms or 0))


def record_end(conversation: Conversation, reason: str, epoch: int, after: timedelta) -> None:
    """Close what was left open, as the host would have done with its last event; `epoch` is the
    last one that a worker had."""
    tell_turns(Turn.objects.filter(conversation=conversation).close_open_ones())
    Event.objects.create(
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        # The lease is gone, so no worker will ever write under this epoch.
        epoch=epoch + 1,
        seq=1,
        kind="ended",
        ms=int(after.total_seconds() * 1000),
        data={"reason": reason},
    )
