"""Staff hear of a budget that is nearly or wholly used up: by e-mail once in its period, and on
the admin's first page for as long as it is so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.letters import write_to_staff
from accounts.limits import LimitKind
from accounts.models import Tenant
from accounts.roles import Permission
from conversations.models import Agent, BudgetNotice, WebhookKind
from conversations.quotas.parties import Parties, stack_of_agent, stack_of_tenant
from conversations.quotas.rules import (
    BY_DAY,
    BY_MONTH,
    Budget,
    Reached,
    Whose,
    budgets_of,
    period_start,
    reached,
    retry_at,
)
from conversations.quotas.use import UseBook
from conversations.webhooks.outbox import Announcement, announce_all
from conversations.webhooks.telling import time_of

NAMES = {
    LimitKind.DAY_MINUTES: "minutes of today",
    LimitKind.MONTH_MINUTES: "minutes of this month",
    LimitKind.DAY_SPEND: "budget of today",
    LimitKind.MONTH_SPEND: "budget of this month",
}


@dataclass(frozen=True, slots=True)
class NoticeKey:
    """What is told once. `subject`: the tenant or the agent whose budget it is."""

    tenant_id: UUID
    subject: UUID
    kind: LimitKind
    since: datetime
    is_hard: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A line on the first page. `mark` is `warn` or `bad`."""

    mark: str
    text: str


# -- Letters -----------------------------------------------------------------------------------


def note(found: Iterable[tuple[Parties, list[Reached]]], now: datetime) -> None:
    """Write to the staff of each tenant about what was reached and not told yet. A person's own
    budget is told to that person alone."""
    due = dict(pair for parties, all_of in found for pair in _due(parties, all_of, now))
    if not due:
        return
    told = _told(due)
    for key, each in due.items():
        if key in told:
            continue
        with transaction.atomic():
            if _is_first(key):
                announce_all([budget_told(key, each)])
                _write(key, each, due)


def _due(
    parties: Parties, found: list[Reached], now: datetime
) -> Iterator[tuple[NoticeKey, Reached]]:
    """What is to be told of it: the soft threshold, and the hard one once it is reached."""
    for each in found:
        kind, key = each.budget.kind, parties.key(each.budget.whose)
        if key is None or each.budget.whose == Whose.USER or kind not in BY_DAY | BY_MONTH:
            continue
        since = period_start(kind, now)
        yield NoticeKey(key[1], key[2], kind, since, is_hard=False), each
        if each.is_hard:
            yield NoticeKey(key[1], key[2], kind, since, is_hard=True), each


def _told(due: Collection[NoticeKey]) -> set[NoticeKey]:
    rows = BudgetNotice.objects.filter(
        tenant__in={key.tenant_id for key in due}, since__in={key.since for key in due}
    )
    found = rows.values_list("tenant_id", "subject", "kind", "since", "is_hard")
    return {
        NoticeKey(tenant, subject, LimitKind(kind), since, is_hard=is_hard)
        for tenant, subject, kind, since, is_hard in found
    }


def _is_first(key: NoticeKey) -> bool:
    """Whether nobody has told it yet, in whichever process: the database decides."""
    _, is_new = BudgetNotice.objects.get_or_create(
        tenant_id=key.tenant_id,
        subject=key.subject,
        kind=key.kind,
        since=key.since,
        is_hard=key.is_hard,
    )
    return bool(is_new)


def budget_told(key: NoticeKey, each: Reached) -> Announcement:
    """What webhooks tell of it. Amounts are in ms, or in millionths of the prices' currency."""
    is_tenants = key.subject == key.tenant_id
    told = {
        "of": "organisation" if is_tenants else "agent",
        "agent": None if is_tenants else str(key.subject),
        "kind": str(key.kind),
        "percent": each.percent,
        "used": each.used,
        "warning_at": each.budget.soft,
        "limit": each.budget.hard,
        "since": time_of(key.since),
        "until": time_of(retry_at(key.kind, key.since)),
    }
    kind = WebhookKind.BUDGET_REACHED if key.is_hard else WebhookKind.BUDGET_WARNING
    subject = f"{key.subject} {key.kind} {key.since.isoformat()}"
    return Announcement(kind, key.tenant_id, subject, {"budget": told})


def _write(key: NoticeKey, each: Reached, due: Collection[NoticeKey]) -> None:
    if not key.is_hard and replace(key, is_hard=True) in due:
        return  # both at once: the letter about the hard one says it all
    agent = Agent.objects.filter(pk=key.subject).values_list("name", flat=True).first()
    context = {
        "agent": agent or "",
        "what": NAMES[key.kind],
        "percent": each.percent,
        "is_used_up": key.is_hard,
        "until": retry_at(key.kind, key.since),
    }
    write_to_staff(key.tenant_id, Permission.MANAGE_TENANT, "budget", context)


# -- The first page ----------------------------------------------------------------------------


def notices(tenant_id: UUID, now: datetime) -> list[Notice]:
    """The tenant's and its agents' budgets that are nearly or wholly used up. Needs the
    tenant's scope; three statements, and one for each kind of budget that is set."""
    tenant = Tenant.objects.get(pk=tenant_id)
    agents = {agent.pk: agent for agent in Agent.objects.exclude(limits={})}
    # The first one is the tenant's: no agent has its id.
    wanted = [(Parties(tenant_id, tenant_id, None), stack_of_tenant(tenant))]
    wanted += [
        (Parties(tenant_id, pk, None), stack_of_agent(agent)) for pk, agent in agents.items()
    ]
    budgets = [(parties, _lasting(budgets_of(stack))) for parties, stack in wanted]
    book = UseBook(budgets, now)
    found = [
        _notice(each, agents[parties.agent_id].name if parties.agent_id in agents else tenant.name)
        for parties, asked in budgets
        for each in reached(asked, book.use_of(parties))
    ]
    return sorted(found, key=lambda notice: notice.mark)  # what is used up first


def _lasting(budgets: list[Budget]) -> list[Budget]:
    return [each for each in budgets if each.kind in BY_DAY | BY_MONTH]


def _notice(each: Reached, name: str) -> Notice:
    what = NAMES[each.budget.kind]
    if not each.is_hard:
        return Notice("warn", f"{name} has used {each.percent} % of the {what}.")
    return Notice("bad", f"{name} has used up the {what}: new conversations are refused.")
