"""What limits are compared with, for the forms they are edited in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.admin.limits import MICROS, MINUTE_MS, measure_with
from accounts.limits import LimitKind
from accounts.models import Membership, Tenant
from conversations.models import Agent
from conversations.quotas.parties import PartyKey
from conversations.quotas.preview import would_end
from conversations.quotas.rules import Whose
from conversations.quotas.use import counted

# The fields that have a use so far, in the order in which they are shown.
COUNTED = {
    "sessions": LimitKind.SESSIONS,
    "day_minutes": LimitKind.DAY_MINUTES,
    "month_minutes": LimitKind.MONTH_MINUTES,
    "day_spend_micros": LimitKind.DAY_SPEND,
    "month_spend_micros": LimitKind.MONTH_SPEND,
}


class UseMeter:
    """What `accounts.admin.limits` asks for."""

    def used(self, row: Any, limit_set: str) -> dict[str, str]:
        key = party_of(row)
        # What "each member" used is no number.
        if key is None or limit_set == "member_limits":
            return {}
        return used_so_far(key, timezone.now())

    def would_end(self, row: Any) -> int:
        return would_end(row)


measure_with(UseMeter())


def party_of(row: Any) -> PartyKey | None:
    match row:
        case Tenant():
            return Whose.TENANT, row.pk, row.pk
        case Agent():
            return Whose.AGENT, row.tenant_id, row.pk
        case Membership():
            return Whose.USER, row.tenant_id, row.user_id
    return None


def used_so_far(key: PartyKey, now: datetime) -> dict[str, str]:
    """Limit -> what was used of it, in three statements."""
    use = counted({kind: [key] for kind in COUNTED.values()}, now)
    amounts = {limit: use[kind].get(key, 0) for limit, kind in COUNTED.items()}
    return {limit: _sentence(COUNTED[limit], amount) for limit, amount in amounts.items()}


def _sentence(kind: LimitKind, amount: int) -> str:
    match kind:
        case LimitKind.SESSIONS:
            return f"Now: {amount}."
        case LimitKind.DAY_MINUTES:
            return f"Used today: {amount // MINUTE_MS}."
        case LimitKind.MONTH_MINUTES:
            return f"Used this month: {amount // MINUTE_MS}."
        case LimitKind.DAY_SPEND:
            return f"Spent today: {amount / MICROS:.2f}."
    return f"Spent this month: {amount / MICROS:.2f}."
