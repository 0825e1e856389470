"""Background work on conversations, for Celery."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.access_tokens import forget_old_tokens  # noqa: F401 - Celery looks here
from conversations.ending import record_end
from conversations.exports.jobs import make_export  # noqa: F401 - Celery looks here
from conversations.exports.schedules import ask_for_due_exports  # noqa: F401 - as well
from conversations.exports.sweeping import sweep_export_files, sweep_exports  # noqa: F401
from conversations.models import Conversation, Lease
from conversations.recordings.deleting import (  # noqa: F401 - Celery looks here
    delete_old_recordings,
    sweep_recordings,
)
from conversations.retention.due import erase_what_is_due  # noqa: F401 - Celery looks here
from conversations.retention.people import erase_person, sweep_erasures  # noqa: F401 - as well
from conversations.states import ConversationState, EndReason
from conversations.tools.refreshing import refresh_tool_lists  # noqa: F401 - Celery looks here
from conversations.webhooks.delivering import deliver_webhooks  # noqa: F401 - as well
from conversations.webhooks.keeping import forget_old_webhooks  # noqa: F401 - as well
from conversations.webhooks.outbox import announce_all
from conversations.webhooks.telling import ended as ended_told

log = logging.getLogger(__name__)

# Google keeps a resumption handle for two hours. Past that no worker could continue where
# the conversation stopped, and nobody has waited that long in front of a page.
ABANDONED_AFTER = timedelta(hours=2)
BATCH = 200


@shared_task
def close_abandoned_conversations(now: datetime | None = None) -> int:
    """End every open conversation whose lease ran out more than two hours ago.

    Returns how many it ended. Running it twice, or two at once, ends each only once, and
    one that a worker claims meanwhile is left alone.
    """
    cutoff = (now or timezone.now()) - ABANDONED_AFTER
    with platform_scope("close abandoned conversations"):
        closed = sum(
            close_abandoned(conversation, cutoff)
            for conversation in abandoned_conversations(cutoff)
        )
    if closed:
        log.info("closed %d abandoned conversations", closed)
    return closed


def abandoned_conversations(cutoff: datetime) -> Iterator[Conversation]:
    """Yield each once, oldest first, read in batches."""
    last = uuid.UUID(int=0)
    while True:
        rows = Conversation.objects.exclude(state=ConversationState.ENDED).filter(
            lease__expires_at__lt=cutoff, id__gt=last
        )
        batch = list(rows.select_related("lease").order_by("id")[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1].id


def close_abandoned(conversation: Conversation, cutoff: datetime) -> bool:
    """End one conversation. Returns False if somebody was faster.

    The lease row is what a claim and this task compete for, and whoever changes it first
    wins: a claim moves its expiry, so that the DELETE finds nothing; the DELETE leaves
    nothing for a claim to update, and takes the resumption handle with it. The conversation
    ended when it was last hosted, not when that was noticed.
    """
    ended_at = max(conversation.lease.expires_at, conversation.started_at)
    with transaction.atomic():
        gone, _ = Lease.objects.filter(
            conversation_id=conversation.id, expires_at__lt=cutoff
        ).delete()
        if not gone:
            return False
        ended = Conversation.objects.filter(pk=conversation.pk).exclude(
            state=ConversationState.ENDED
        )
        reason = conversation.stop_reason or EndReason.NETWORK_LOST
        if not ended.update(state=ConversationState.ENDED, ended_at=ended_at, end_reason=reason):
            return False
        conversation.ended_at, conversation.end_reason = ended_at, reason
        announce_all([ended_told(conversation)])
        after = ended_at - conversation.started_at
        record_end(conversation, reason, conversation.lease.epoch, after)
    return True
