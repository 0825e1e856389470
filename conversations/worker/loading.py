"""What a host has to know before it starts, read in one go in a database thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

import live
from accounts.credentials import NoCredential, live_connection_settings, primary_credential
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Agent, Claim, Conversation, Lease, Turn
from conversations.states import ConversationState
from conversations.transcripts.picture import load_picture


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation as its new host finds it."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int
    picture: p.Picture
    age_s: float
    handle: str | None
    config: live.SessionConfig
    endpoint: live.Endpoint
    auth: live.Auth


def claim(conversation_id: uuid.UUID, worker: str, address: str) -> Case | None:
    """Win the conversation's lease and read its case; None if somebody else has it.

    Raises accounts.credentials.NoCredential when its tenant has none to talk with.
    """
    with platform_scope("worker claims a conversation"):
        won = Lease.objects.claim(conversation_id, worker, address)
        return load(won) if won else None


def load(claim: Claim) -> Case:
    with transaction.atomic():
        close_older_turns(claim)
        conversation = Conversation.objects.select_related("agent", "lease").get(
            id=claim.conversation_id
        )
        picture = load_picture(conversation)
    picture.state = ConversationState.WAITING
    credential = primary_credential(claim.tenant_id)
    if credential is None:
        raise NoCredential(claim.tenant_id)
    endpoint, auth = live_connection_settings(credential)
    return Case(
        conversation_id=claim.conversation_id,
        tenant_id=claim.tenant_id,
        epoch=claim.epoch,
        picture=picture,
        age_s=(timezone.now() - conversation.started_at).total_seconds(),
        handle=conversation.lease.open_handle(),
        config=session_config(conversation.agent),
        endpoint=endpoint,
        auth=auth,
    )


def close_older_turns(claim: Claim) -> None:
    """Nobody will finish what a lost host was in the middle of."""
    Turn.objects.filter(
        conversation_id=claim.conversation_id, epoch__lt=claim.epoch
    ).close_open_ones()


def live_session(
    case: Case, history: Callable[[], Sequence[live.Content]], unanswered: Sequence[str]
) -> live.LiveSession:
    """The case's session with the model, which insists: a user is waiting."""
    session = live.Session(
        case.config,
        case.auth.endpoint_for(case.endpoint),
        handle=case.handle or "",
        comeback=live.Comeback(insist=True),
        history=history,
        unanswered=unanswered,
    )
    return live.LiveSession(session, live.Dialer(endpoint=case.endpoint, auth=case.auth))


def session_config(agent: Agent) -> live.SessionConfig:
    return live.SessionConfig(
        model=agent.model,
        system_instruction=agent.prompt,
        voice=agent.voice,
        modalities=(agent.modality,),
    )
