"""Announcing: what is to be told is written in the transaction in which it happens.

So it is told exactly if it has happened, whatever dies when; the message to a Celery worker that
follows the commit is only a hint. Each event and each of its deliveries is one row. An event's id
follows from its kind and its subject: whoever announces it again, because the answer of a commit
was lost, writes nothing new.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from conversations.models import (
    Conversation,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKind,
)

log = logging.getLogger(__name__)

TASK: Final = "conversations.webhooks.delivering.deliver_webhooks"
# Makes ids that nothing else has.
_EVENTS: Final = UUID("7d1f3a50-6f0f-4a0e-9d0c-2f9a0c7b8e11")


class OutsideTransaction(RuntimeError):
    """Something was announced that might not happen. Always a fault of ours."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What happened. `subject` is what it is about: the same kind and subject is the same event.

    There is no word that was spoken in `data`, and no secret.
    """

    kind: WebhookKind
    tenant_id: UUID
    subject: str
    data: Mapping[str, Any] = field(repr=False)
    conversation_id: UUID | None = None

    @property
    def event_id(self) -> UUID:
        return uuid5(_EVENTS, f"{self.tenant_id} {self.kind} {self.subject}")


def announce(
    kind: WebhookKind,
    tenant_id: UUID,
    data: Mapping[str, Any],
    *,
    subject: str,
    conversation_id: UUID | None = None,
) -> None:
    """Write one event for every endpoint of the tenant that wants to know, in the caller's
    transaction and scope. Raises OutsideTransaction."""
    announce_all([Announcement(kind, tenant_id, subject, data, conversation_id)])


def announce_all(told: Iterable[Announcement]) -> None:
    """As `announce`, in three statements; in one where nobody listens."""
    told = list(told)
    if not told:
        return
    if not connection.in_atomic_block:
        raise OutsideTransaction
    now = timezone.now()
    by_tenant = _listeners({each.tenant_id for each in told})
    pairs = [
        (_event(each, now), endpoints)
        for each in told
        if (endpoints := [row for row in by_tenant[each.tenant_id] if each.kind in row.kinds])
    ]
    if pairs:
        store(pairs)


def store(pairs: Sequence[tuple[WebhookEvent, Sequence[WebhookEndpoint]]]) -> None:
    """Write events, and a delivery of each for its endpoints; those that are there stay."""
    WebhookEvent.objects.bulk_create([event for event, _ in pairs], ignore_conflicts=True)
    deliveries = [
        WebhookDelivery(tenant_id=event.tenant_id, endpoint=endpoint, event=event)
        for event, endpoints in pairs
        for endpoint in endpoints
    ]
    WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    hint_after_commit()


def _listeners(tenants: set[UUID]) -> dict[UUID, list[WebhookEndpoint]]:
    found: dict[UUID, list[WebhookEndpoint]] = defaultdict(list)
    for row in WebhookEndpoint.objects.filter(tenant__in=tenants, is_on=True):
        found[row.tenant_id].append(row)
    return found


def _event(told: Announcement, now: datetime) -> WebhookEvent:
    conversation = told.conversation_id and Conversation(
        id=told.conversation_id, tenant_id=told.tenant_id
    )
    return WebhookEvent(
        id=told.event_id,
        tenant_id=told.tenant_id,
        kind=told.kind,
        conversation=conversation or None,
        data=dict(told.data),
        happened_at=now,
    )


# -- The hint ----------------------------------------------------------------------------------

# A broker that is down holds this thread up, and nobody who talks. One hint that waits stands for
# all: it says no more than "look".
HINTS = ThreadPoolExecutor(1, "webhook-hints")
_no_hint_waits = threading.Semaphore()


def hint_after_commit() -> None:
    transaction.on_commit(_hint, robust=True)


def _hint() -> None:
    if _no_hint_waits.acquire(blocking=False):
        HINTS.submit(_send_hint)


def _send_hint() -> None:
    # Before it is sent: what is committed from now on may be too late for this one.
    _no_hint_waits.release()
    try:
        current_app.send_task(TASK, retry=False)
    except (OperationalError, OSError):
        log.warning("no hint of webhooks reached the broker: beat looks for them")
