"""How much is used: places now, minutes and money of the day and of the month.

Reads for many parties at once, in a number of statements that does not depend on how many.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Count

from accounts.limits import LimitKind
from conversations.models import Lease
from conversations.quotas.parties import Parties, PartyKey
from conversations.quotas.rules import (
    BY_DAY,
    BY_MONTH,
    EVER,
    SPEND,
    Budget,
    Use,
    period_start,
)
from conversations.usage import used_by

Counted = dict[PartyKey, int]


class UseBook:
    """What the budgets of some parties are compared with. Only what has a budget is counted."""

    def __init__(self, wanted: Iterable[tuple[Parties, Iterable[Budget]]], now: datetime) -> None:
        asked: defaultdict[LimitKind, set[PartyKey]] = defaultdict(set)
        for parties, budgets in wanted:
            for budget in budgets:
                if (key := parties.key(budget.whose)) is not None:
                    asked[budget.kind].add(key)
        self._counted = counted(asked, now)

    def use_of(self, parties: Parties) -> Use:
        keys = parties.keys()
        return {
            (key[0], kind): by_key.get(key, 0)
            for kind, by_key in self._counted.items()
            for key in keys
        }


def counted(
    asked: Mapping[LimitKind, Collection[PartyKey]], now: datetime
) -> dict[LimitKind, Counted]:
    """How much of each kind the parties have used: a statement for the places, one for the day,
    one for the month and one for what has no end, as far as they are asked for."""
    found: dict[LimitKind, Counted] = {}
    if keys := asked.get(LimitKind.SESSIONS):
        found[LimitKind.SESSIONS] = places({tenant_id for _, tenant_id, _ in keys})
    for kinds in (BY_DAY, BY_MONTH, EVER):
        wanted = kinds & asked.keys()
        keys = {key for kind in wanted for key in asked[kind]}
        if keys:
            found |= consumed(wanted, keys, now)
    return found


def consumed(
    kinds: Collection[LimitKind], keys: Collection[PartyKey], now: datetime
) -> dict[LimitKind, Counted]:
    """What the parties used since the beginning of a period, which these kinds share."""
    [since] = {period_start(kind, now) for kind in kinds}
    used = used_by({key[1] for key in keys}, {key[2] for key in keys}, since=since)
    found: dict[LimitKind, Counted] = {}
    for kind in kinds:
        amount = "spent_micros" if kind in SPEND else "talked_ms"
        found[kind] = {key: getattr(used[key[1:]], amount) for key in keys if key[1:] in used}
    return found


def places(tenants: Collection[uuid.UUID]) -> Counted:
    """How many conversations each party of these tenants has at the same time."""
    rows = Lease.objects.with_place().filter(tenant__in=tenants).order_by()
    grouped = rows.values_list("tenant_id", "conversation__agent_id", "conversation__user_id")
    return _by_party(grouped.annotate(count=Count("pk")))


def _by_party(
    rows: Iterable[tuple[uuid.UUID, uuid.UUID, uuid.UUID | None, int]],
) -> Counted:
    counts: Counted = defaultdict(int)
    for tenant_id, agent_id, user_id, amount in rows:
        for key in Parties(tenant_id, agent_id, user_id).keys():  # noqa: SIM118 - no mapping
            counts[key] += amount
    return counts


def newest_with_place(surplus: Mapping[PartyKey, int]) -> set[uuid.UUID]:
    """The newest so many conversations of each party, among those that have a place."""
    tenants = {tenant_id for _, tenant_id, _ in surplus}
    rows = Lease.objects.with_place().filter(tenant__in=tenants).order_by("-conversation_id")
    left, newest = dict(surplus), set()
    for row in rows.values_list(
        "conversation_id", "tenant_id", "conversation__agent_id", "conversation__user_id"
    ):
        for key in Parties(*row[1:]).keys():  # noqa: SIM118 - no mapping
            if left.get(key, 0) > 0:
                left[key] -= 1
                newest.add(row[0])
    return newest
