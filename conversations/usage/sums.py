"""How much was used: cheap sums, since they read one row a day.

All of it runs in the current scope: in a tenant's, another tenant's numbers are 0.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from conversations.models import UsageDay
from conversations.usage.periods import day_of


@dataclass(frozen=True, slots=True)
class Used:
    """Money in micro-units of the currency of the prices, and time."""

    spent_micros: int = 0
    talked_ms: int = 0


def used_by(
    tenants: Collection[UUID], subjects: Collection[UUID], *, since: datetime
) -> dict[tuple[UUID, UUID], Used]:
    """(tenant, subject) -> what it used from the day of `since` (UTC) on, in one statement.

    A subject is the tenant's, an agent's, a user's or a token's id. What used nothing is missing.
    Money is what is known: tokens without a price cost nothing, see `UsageDay.unpriced_tokens`.
    """
    rows = (
        UsageDay.objects.filter(tenant__in=tenants, subject__in=subjects, day__gte=day_of(since))
        .order_by()
        .values_list("tenant_id", "subject")
        .annotate(Sum("cost_micros"), Sum("talked_ms"))
    )
    return {(tenant, subject): Used(spent, talked) for tenant, subject, spent, talked in rows}


def spent_micros(
    tenant_id: UUID, *, since: datetime, agent_id: UUID | None = None, user_id: UUID | None = None
) -> int:
    """What the tenant, or one of its agents or people, spent from the day of `since` (UTC) on, in
    micro-units. Raises ValueError for an agent and a person at once: that is not kept."""
    return _of_one(tenant_id, since, agent_id, user_id).spent_micros


def talked_ms(
    tenant_id: UUID, *, since: datetime, agent_id: UUID | None = None, user_id: UUID | None = None
) -> int:
    """As `spent_micros`: the time with the upstream."""
    return _of_one(tenant_id, since, agent_id, user_id).talked_ms


def _of_one(tenant_id: UUID, since: datetime, agent_id: UUID | None, user_id: UUID | None) -> Used:
    if agent_id is not None and user_id is not None:
        raise ValueError("Ask for an agent or for a person: what they used together is not kept.")
    subject = agent_id or user_id or tenant_id
    return used_by([tenant_id], [subject], since=since).get((tenant_id, subject), Used())
