"""What has had its time: which rows these are, how many, and their erasure by the clock.

Each batch is a transaction that locks the tenant's holds, reads what the tenant keeps as it is
then, erases, and notes it in the audit with its counts. So a batch that is killed has done
nothing, one that is done is not done again, and two at once wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Conversation, Event, Recording, Turn, lock_holds, on_hold
from conversations.retention.erasing import Counts, erase_events, erase_text
from conversations.states import ConversationState

log = logging.getLogger(__name__)

# Conversations whose rows go in one transaction, and pieces of sound.
BATCH: Final = 20
PIECES: Final = 500
# One tenant's backlog does not keep the others waiting: the next round goes on.
MOST_BATCHES: Final = 100


class Kind(StrEnum):
    TEXT = "text"
    AUDIO = "audio"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days after a conversation's end each kind is kept; None: for good.

    Sound is kept no longer than was promised to who agreed to it, whatever stands here.
    """

    text: int | None
    audio: int
    events: int | None

    @classmethod
    def of(cls, tenant: Tenant) -> Policy:
        """Never shorter than the operator's minimum, which may have come later."""
        asked = cls(tenant.text_kept_days, tenant.recordings_kept_days, tenant.events_kept_days)
        return asked.at_least(settings.RETENTION_MIN_DAYS)

    def at_least(self, days: int) -> Policy:
        return replace(
            self,
            text=None if self.text is None else max(days, self.text),
            audio=max(days, self.audio),
            events=None if self.events is None else max(days, self.events),
        )

    def days(self, kind: Kind) -> int | None:
        return {Kind.TEXT: self.text, Kind.AUDIO: self.audio, Kind.EVENTS: self.events}[kind]


@dataclass(frozen=True, slots=True)
class Due:
    """How much is due of a kind, in conversations and rows; `held` are conversations that would
    be, were they not held. `next_at`: when the next one is due, None if none will be."""

    kind: Kind
    conversations: int
    rows: int
    held: int
    next_at: datetime | None


_LEFT: Final = {
    Kind.TEXT: Q(text_erased_at=None),
    Kind.EVENTS: Q(events_erased_at=None),
}
_ROWS: Final[dict[Kind, Any]] = {Kind.TEXT: Turn, Kind.AUDIO: Recording, Kind.EVENTS: Event}


def kept_yet(kind: Kind) -> QuerySet[Conversation]:
    """Ended conversations of the scope of which the kind has not been erased."""
    ended = Conversation.objects.filter(state=ConversationState.ENDED, ended_at__isnull=False)
    if kind == Kind.AUDIO:
        return ended.filter(pk__in=Recording.objects.values("conversation"))
    return ended.filter(_LEFT[kind])


def due_of(kind: Kind, policy: Policy, now: datetime) -> QuerySet[Conversation]:
    """Conversations of the scope of which the kind has had its time, held or not."""
    days = policy.days(kind)
    if days is None:
        return Conversation.objects.none()
    return kept_yet(kind).filter(ended_at__lte=now - timedelta(days=days))


def preview(policy: Policy, now: datetime) -> list[Due]:
    """What would be erased in the tenant's scope, were this its policy."""
    return [_preview(kind, policy, now) for kind in Kind]


def _preview(kind: Kind, policy: Policy, now: datetime) -> Due:
    due, days = due_of(kind, policy, now), policy.days(kind)
    free = due.exclude(on_hold())
    later = kept_yet(kind).exclude(pk__in=due.values("pk")) if days is not None else None
    first = later.aggregate(first=Min("ended_at"))["first"] if later is not None else None
    return Due(
        kind=kind,
        conversations=free.count(),
        rows=_ROWS[kind].objects.filter(conversation__in=free.values("pk")).count(),
        held=due.filter(on_hold()).count(),
        next_at=first and first + timedelta(days=days or 0),
    )


# -- Saying how long -------------------------------------------------------------------------


def save_policy(tenant_id: UUID, policy: Policy, *, actor: str) -> None:
    """Keep the tenant's things for so long from now on. Raises ValueError for less than the
    operator's minimum."""
    if policy != policy.at_least(settings.RETENTION_MIN_DAYS):
        raise ValueError(f"Keep things for {settings.RETENTION_MIN_DAYS} days or more.")
    with transaction.atomic():
        tenant = lock_holds(tenant_id)
        before = _fields_of(Policy.of(tenant))
        for name, days in (after := _fields_of(policy)).items():
            setattr(tenant, name, days)
        tenant.save(update_fields=list(after))
        record("retention.changed", tenant, actor=actor, before=before, after=after)


def _fields_of(policy: Policy) -> dict[str, int | None]:
    return {
        "text_kept_days": policy.text,
        "recordings_kept_days": policy.audio,
        "events_kept_days": policy.events,
    }


# -- By the clock ----------------------------------------------------------------------------


@shared_task
def erase_what_is_due(now: datetime | None = None) -> int:
    """Erase what has had its time, of every tenant. Returns how many batches that took."""
    now, batches = now or timezone.now(), 0
    with platform_scope("tenants whose things may have had their time"):
        staying = Tenant.objects.exclude(state=Tenant.State.ERASING)
        tenants = list(staying.values_list("pk", flat=True))
    for tenant_id in tenants:
        batches += sum(erase_due(tenant_id, kind, now) for kind in Kind)
    if batches:
        log.info("erased %d batches of what had its time", batches)
    return batches


def erase_due(tenant_id: UUID, kind: Kind, now: datetime) -> int:
    """Erase what is due of a kind, batch after batch. Returns how many there were."""
    for batch in range(MOST_BATCHES):
        if not erase_batch(tenant_id, kind, now):
            return batch
    return MOST_BATCHES


def erase_batch(tenant_id: UUID, kind: Kind, now: datetime, *, size: int = BATCH) -> Counts:
    """Erase some of what is due. Returns how many rows went, by noun; nothing at the end."""
    with tenant_scope(tenant_id), transaction.atomic():
        tenant = lock_holds(tenant_id)
        due = due_of(kind, Policy.of(tenant), now).exclude(on_hold())
        counts = _ERASE[kind](due, now, size)
        if counts:
            after = {"kind": str(kind), **counts}
            record("retention.erased", tenant, actor=SYSTEM, after=after)
    return counts


def _erase_text(due: QuerySet[Conversation], now: datetime, size: int) -> Counts:
    ids = _oldest(due, size)
    return erase_text(ids, now) if ids else {}


def _erase_events(due: QuerySet[Conversation], now: datetime, size: int) -> Counts:
    ids = _oldest(due, size)
    return erase_events(ids, now) if ids else {}


def _erase_audio(due: QuerySet[Conversation], now: datetime, size: int) -> Counts:
    """Piece by piece: a long talk has many, each with a file."""
    talks = _oldest(due, size)
    rows = Recording.objects.filter(conversation__in=talks)
    pieces = list(rows.order_by("pk").values_list("pk", flat=True)[:PIECES])
    if not pieces:
        return {}
    return {"pieces of recordings": Recording.objects.filter(pk__in=pieces).delete()[0]}


def _oldest(due: QuerySet[Conversation], size: int) -> list[UUID]:
    """Their ids. Locked, so that nobody else changes them meanwhile."""
    rows = due.select_for_update().order_by("ended_at", "pk")
    return list(rows.values_list("pk", flat=True)[:size])


_ERASE: Final[dict[Kind, Callable[[QuerySet[Conversation], datetime, int], Counts]]] = {
    Kind.TEXT: _erase_text,
    Kind.AUDIO: _erase_audio,
    Kind.EVENTS: _erase_events,
}
