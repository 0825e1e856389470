"""Whom a conversation concerns, and the limits they have. Reads rows; needs a scope that sees
them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from accounts.limits import Limits
from accounts.models import Membership, Tenant
from conversations.models import AccessToken, Agent, Conversation
from conversations.quotas.rules import Stack, Whose, stack_of

# Names one party: whose budgets, in which tenant, and the tenant's, agent's, user's or token's id.
PartyKey = tuple[Whose, uuid.UUID, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Parties:
    """The tenant, the agent and the person; no person where a program talks by its key. The
    token with which a program's own user came."""

    tenant_id: uuid.UUID
    agent_id: uuid.UUID
    user_id: uuid.UUID | None
    token_id: uuid.UUID | None = None

    def key(self, whose: Whose) -> PartyKey | None:
        subject = {
            Whose.TENANT: self.tenant_id,
            Whose.AGENT: self.agent_id,
            Whose.USER: self.user_id,
            Whose.TOKEN: self.token_id,
        }[whose]
        return None if subject is None else (whose, self.tenant_id, subject)

    def keys(self) -> list[PartyKey]:
        return [key for whose in Whose if (key := self.key(whose)) is not None]


def parties_of(conversation: Conversation) -> Parties:
    return Parties(
        conversation.tenant_id,
        conversation.agent_id,
        conversation.user_id,
        conversation.access_token_id,
    )


def stack_for(agent: Agent, user_id: uuid.UUID | None, token: AccessToken | None = None) -> Stack:
    """The limits that count when this person, or who came with this token, talks to this agent."""
    tenant = Tenant.objects.get(pk=agent.tenant_id)
    own = {} if user_id is None else own_limits([tenant.pk], [user_id])
    return _stack(tenant, agent, user_id, own, token)


def stack_of_tenant(tenant: Tenant) -> Stack:
    """The tenant's own limits, within its plan, and nobody else's."""
    plan = Limits.from_json(tenant.plan_limits)
    return Stack(tenant=Limits.from_json(tenant.limits).narrowed_by(plan))


def stack_of_agent(agent: Agent) -> Stack:
    return Stack(agent=Limits.from_json(agent.limits))


def stacks_of(
    conversations: Collection[Conversation], *, edited: Membership | None = None
) -> dict[uuid.UUID, Stack]:
    """Conversation id -> its limits, in one statement. Their tenants, agents and tokens are loaded.
    A membership that is `edited` counts as it is in memory."""
    users = {row.user_id for row in conversations if row.user_id is not None}
    own = own_limits({row.tenant_id for row in conversations}, users) if users else {}
    if edited is not None:
        own[edited.tenant_id, edited.user_id] = Limits.from_json(edited.limits)
    return {
        row.pk: _stack(row.tenant, row.agent, row.user_id, own, row.access_token)
        for row in conversations
    }


def own_limits(
    tenants: Collection[uuid.UUID], users: Collection[uuid.UUID]
) -> dict[tuple[uuid.UUID, uuid.UUID], Limits]:
    """(tenant, user) -> what stands in the membership."""
    rows = Membership.objects.filter(tenant__in=tenants, user__in=users)
    found = rows.values_list("tenant_id", "user_id", "limits")
    return {(tenant, user): Limits.from_json(limits) for tenant, user, limits in found}


def _stack(
    tenant: Tenant,
    agent: Agent,
    user_id: uuid.UUID | None,
    own: dict[tuple[uuid.UUID, uuid.UUID], Limits],
    token: AccessToken | None,
) -> Stack:
    return stack_of(
        plan=Limits.from_json(tenant.plan_limits),
        tenant=Limits.from_json(tenant.limits),
        agent=Limits.from_json(agent.limits),
        user=None if user_id is None else own.get((tenant.pk, user_id), Limits()),
        members=Limits.from_json(tenant.member_limits),
        token=Limits() if token is None else Limits.from_json(token.limits),
    )
