"""What an operator sees on the first page: tenants, workers, background tasks, the keyset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from accounts.models import Tenant
from conversations.admin.background import Background, background
from conversations.admin.keyset_state import KeysetState, keyset_state
from conversations.admin.workers import state_of, with_sessions
from conversations.models import Conversation, WorkerProcess
from conversations.states import ConversationState

MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class TenantRow:
    tenant: Tenant
    live: int


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A process that hosts conversations; `drains` says that it was asked to stop that."""

    name: str
    address: str
    sessions: int
    capacity: int
    state: str
    drains: bool


@dataclass(frozen=True, slots=True)
class PlatformView:
    tenants: list[TenantRow]
    more_tenants: bool
    workers: list[WorkerRow]
    keyset: KeysetState
    background: Background


def platform_view() -> PlatformView:
    """Needs the platform scope."""
    tenants = list(Tenant.objects.order_by("-id")[: MOST_ROWS + 1])
    live = live_by_tenant([tenant.pk for tenant in tenants])
    return PlatformView(
        tenants=[TenantRow(each, live.get(each.pk, 0)) for each in tenants[:MOST_ROWS]],
        more_tenants=len(tenants) > MOST_ROWS,
        workers=workers(),
        keyset=keyset_state(),
        background=background(),
    )


def live_by_tenant(tenants: list[Any]) -> dict[Any, int]:
    """How many conversations of each tenant have not ended."""
    rows = Conversation.objects.filter(tenant__in=tenants).exclude(state=ConversationState.ENDED)
    counted = rows.order_by().values("tenant_id").annotate(live=Count("id"))
    return {row["tenant_id"]: row["live"] for row in counted}


def workers() -> list[WorkerRow]:
    """The workers that live, the busiest first."""
    rows = with_sessions(WorkerProcess.objects.living()).order_by("-held", "name")
    return [
        WorkerRow(
            row.name,
            row.address,
            row.held,
            row.capacity,
            state_of(row),
            row.drain_asked_at is not None,
        )
        for row in rows[:MOST_ROWS]
    ]
