"""Agents and conversations for tests, in the words of the domain."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allauth.account.internal.userkit import user_id_to_str
from django.test import Client
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation, Event, Lease, Turn
from conversations.states import ConversationState, EndReason, Speaker, TurnState

# Loading the middleware looks through all static files: once is enough for all clients.
HANDLER = Client().handler
WORDS = ("Do you have size 42?", "Yes, two pairs in Lyon.")


def make_agent(tenant: Tenant, slug: str = "shop") -> Agent:
    with tenant_scope(tenant.id):
        agent: Agent = Agent.objects.create(tenant=tenant, slug=slug, name=slug.capitalize())
    return agent


def make_conversation(
    agent: Agent, user: User | None, words: Sequence[str] = WORDS, **fields: Any
) -> Conversation:
    """One that has ended, unless `fields` say otherwise; user and agent speak in turns."""
    ended = {
        "state": ConversationState.ENDED,
        "end_reason": EndReason.USER_LEFT,
        "ended_at": timezone.now(),
    }
    with tenant_scope(agent.tenant_id):
        row: Conversation = Conversation.objects.create(
            tenant_id=agent.tenant_id, agent=agent, user=user, **{**ended, **fields}
        )
        for number, text in enumerate(words):
            add_turn(row, number * 2 + 1, text, (Speaker.USER, Speaker.AGENT)[number % 2])
    return row


def make_open(agent: Agent, user: User, lease_expires: datetime, **fields: Any) -> Conversation:
    """One that has not ended, with a lease that a worker held until `lease_expires`."""
    row = make_conversation(
        agent, user, state=ConversationState.LIVE, end_reason="", ended_at=None, **fields
    )
    with tenant_scope(agent.tenant_id):
        Lease.objects.create(
            tenant_id=agent.tenant_id,
            conversation=row,
            worker="gone",
            epoch=1,
            expires_at=lease_expires,
        )
    return row


def add_turn(
    row: Conversation,
    first_seq: int,
    text: str,
    speaker: Speaker = Speaker.AGENT,
    state: TurnState = TurnState.FINAL,
) -> Turn:
    with tenant_scope(row.tenant_id):
        turn: Turn = Turn.objects.create(
            tenant_id=row.tenant_id,
            conversation=row,
            epoch=1,
            first_seq=first_seq,
            last_seq=first_seq + 1,
            speaker=speaker,
            state=state,
            text=text,
            start_ms=first_seq * 1000,
            end_ms=first_seq * 1000 + 800,
        )
    return turn


def add_event(row: Conversation, seq: int, kind: str) -> Event:
    with tenant_scope(row.tenant_id):
        event: Event = Event.objects.create(
            tenant_id=row.tenant_id, conversation=row, epoch=1, seq=seq, kind=kind, ms=seq * 1000
        )
    return event


def ago(**parts: float) -> datetime:
    return timezone.now() - timedelta(**parts)


def signed_in(user: User, *, seconds_ago: float = 0) -> Client:
    """With the note in the session that allauth makes when somebody gives her password."""
    client = Client()
    client.handler = HANDLER
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - seconds_ago}
    ]
    session["account_authentication_methods_user"] = user_id_to_str(user)
    session.save()
    return client


def with_key(key: str) -> Client:
    client = Client(headers={"Authorization": f"Bearer {key}"})
    client.handler = HANDLER
    return client
