"""What an operator sees on the first page: tenants, workers, the keyset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max

from accounts.models import Tenant
from conversations.admin.keyset_state import KeysetState, keyset_state
from conversations.models import Conversation, Lease
from conversations.states import ConversationState

MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class TenantRow:
    tenant: Tenant
    live: int


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A process that hosts conversations: `until` is when the last of its leases runs out."""

    name: str
    address: str
    sessions: int
    until: datetime


@dataclass(frozen=True, slots=True)
class PlatformView:
    tenants: list[TenantRow]
    more_tenants: bool
    workers: list[WorkerRow]
    keyset: KeysetState


def platform_view(now: datetime) -> PlatformView:
    """Needs the platform scope."""
    tenants = list(Tenant.objects.order_by("-id")[: MOST_ROWS + 1])
    live = live_by_tenant([tenant.pk for tenant in tenants])
    return PlatformView(
        tenants=[TenantRow(each, live.get(each.pk, 0)) for each in tenants[:MOST_ROWS]],
        more_tenants=len(tenants) > MOST_ROWS,
        workers=workers(now),
        keyset=keyset_state(),
    )


def live_by_tenant(tenants: list[Any]) -> dict[Any, int]:
    """How many conversations of each tenant have not ended."""
    rows = Conversation.objects.filter(tenant__in=tenants).exclude(state=ConversationState.ENDED)
    counted = rows.order_by().values("tenant_id").annotate(live=Count("id"))
    return {row["tenant_id"]: row["live"] for row in counted}


def workers(now: datetime) -> list[WorkerRow]:
    """The workers that hold a lease at `now`, the busiest first."""
    rows = (
        Lease.objects.filter(expires_at__gt=now)
        .exclude(worker="")
        .order_by()
        .values("worker", "address")
        .annotate(sessions=Count("id"), until=Max("expires_at"))
        .order_by("-sessions", "worker")
    )
    return [
        WorkerRow(row["worker"], row["address"], row["sessions"], row["until"])
        for row in rows[:MOST_ROWS]
    ]
