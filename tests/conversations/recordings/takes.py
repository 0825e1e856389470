"""Conversations that are recorded, and what was kept of them, for tests."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np
from django.db import connections
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, Conversation, Lease, Recording
from conversations.recordings.consent import Terms, note_consent
from conversations.recordings.mix import mix_of
from conversations.recordings.sound import Samples
from conversations.recordings.storing import Whose
from conversations.recordings.tape import Segment
from conversations.states import Speaker

TERMS = Terms(is_required=False, kept_days=30)


def allow_recording(agent: Agent, recorded: str = Agent.Recorded.ASKED) -> None:
    """The agent's organisation lets it record."""
    Tenant.objects.filter(pk=agent.tenant_id).update(allows_recording=True)
    with tenant_scope(agent.tenant_id):
        Agent.objects.filter(pk=agent.pk).update(recording=recorded)


def agree(agent: Agent, conversation: Conversation) -> None:
    """Somebody has agreed to be recorded in this conversation."""
    allow_recording(agent)
    with tenant_scope(agent.tenant_id):
        note_consent(conversation, TERMS, "system", timezone.now())


def hosted(agent: Agent, epoch: int = 1) -> Whose:
    """A conversation that a worker has, at this epoch."""
    with tenant_scope(agent.tenant_id):
        conversation = Conversation.objects.create(agent=agent)
        Lease.objects.create(conversation=conversation, epoch=epoch)
        return Whose(conversation.id, agent.tenant_id, epoch)


def a_segment(number: int = 0, side: Speaker = Speaker.USER, *, ms: int = 1000) -> Segment:
    rate = 16_000 if side == Speaker.USER else 24_000
    pcm = np.full(ms * rate // 1000, 5000, np.int16).tobytes()
    return Segment(side, number, number * ms, ms, rate, pcm)


def kept(conversation_id: uuid.UUID) -> Sequence[Recording]:
    try:
        with platform_scope("test reads recordings"):
            return list(Recording.objects.filter(conversation_id=conversation_id))
    finally:
        connections.close_all()


def heard(conversation_id: uuid.UUID) -> Samples:
    """The whole recording: frames of (user, agent), 24 kHz."""
    try:
        with platform_scope("test listens"):
            mix = mix_of(conversation_id)
        assert mix is not None
        return np.frombuffer(b"".join(mix.pieces())[44:], np.int16).reshape(-1, 2)
    finally:
        connections.close_all()
