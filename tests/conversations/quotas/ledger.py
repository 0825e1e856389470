"""Limits and use for tests, in the words of the domain."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.limits import Limits
from accounts.models import Membership, Tenant, User
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, UsageDay
from tests.conversations.talks import ago, make_open

MINUTE_MS = 60_000


def limit(row: Any, field: str = "limits", **limits: int) -> None:
    """Store these limits, and no others, in the row."""
    with platform_scope("test sets limits"):
        setattr(row, field, Limits(**limits).to_json())
        row.save(update_fields=[field])


def membership_of(user: User) -> Membership:
    with platform_scope("test"):
        found: Membership = Membership.objects.select_related("tenant").get(user=user)
        return found


def used(
    tenant: Tenant,
    subject: UUID | None = None,
    *,
    minutes: int = 0,
    spent: int = 0,
    days_ago: int = 0,
) -> None:
    """What the tenant, or one of its agents or people, used on one day, in whole units."""
    today = timezone.now().date()
    with platform_scope("test books usage"):
        UsageDay.objects.update_or_create(
            tenant=tenant,
            subject=subject or tenant.pk,
            day=today - timedelta(days=days_ago),
            defaults={"talked_ms": minutes * MINUTE_MS, "cost_micros": spent * 1_000_000},
        )


def running(agent: Agent, user: User, count: int = 1) -> list[Conversation]:
    """Conversations that a worker hosts."""
    later = ago(seconds=-600)
    return [make_open(agent, user, later) for _ in range(count)]


def ids(rows: Collection[Conversation]) -> list[UUID]:
    return [row.pk for row in rows]
