"""What limits would do before they are saved: how many running conversations they would end."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import Membership, Tenant
from conversations.models import Agent, Conversation, Lease
from conversations.quotas.parties import parties_of, stacks_of
from conversations.quotas.rules import Bounds, bounds_of
from conversations.quotas.running import all_reached, used_up_by

# A row whose limits are edited.
Edited = Tenant | Agent | Membership


def would_end(edited: Edited) -> int:
    """How many running conversations would end by the limits that stand in `edited`, which is
    not saved yet. Idle times are not in it: only their hosts know them. Needs a scope."""
    rows = {row.pk: row for row in _running(edited)}
    for row in rows.values():
        if isinstance(edited, Tenant):
            row.tenant = edited
        elif isinstance(edited, Agent):
            row.agent = edited
    membership = edited if isinstance(edited, Membership) else None
    stacks = stacks_of(rows.values(), edited=membership)
    parties = {pk: parties_of(row) for pk, row in rows.items()}
    used_up = used_up_by(parties, all_reached(stacks, parties, timezone.now()))
    return sum(
        bool(used_up[pk]) or _is_too_old(row, bounds_of(stacks[pk])) for pk, row in rows.items()
    )


def _running(edited: Edited) -> list[Conversation]:
    """The conversations that have a place and that the row concerns."""
    leases = Lease.objects.with_place()
    if isinstance(edited, Tenant):
        leases = leases.filter(tenant=edited.pk)
    elif isinstance(edited, Agent):
        leases = leases.filter(conversation__agent=edited.pk)
    else:
        leases = leases.filter(tenant=edited.tenant_id, conversation__user=edited.user_id)
    ids = leases.values("conversation_id")
    rows = Conversation.objects.filter(pk__in=ids)
    return list(rows.select_related("tenant", "agent", "access_token"))


def _is_too_old(row: Conversation, bounds: Bounds) -> bool:
    age_ms = (timezone.now() - row.started_at).total_seconds() * 1000
    return bounds.length_ms is not None and age_ms >= bounds.length_ms
