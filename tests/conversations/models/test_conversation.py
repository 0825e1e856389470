"""A conversation's end and length."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations.models import Agent
from conversations.states import ConversationState, EndReason
from tests.cast import Cast
from tests.conversations.talks import ago, make_conversation, make_open

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_ending_twice_keeps_the_first_end(agent: Agent, cast: Cast) -> None:
    conversation = make_open(agent, cast.acme.member, ago(seconds=1))
    conversation.end(EndReason.CREDENTIAL_PROBLEM)
    conversation.refresh_from_db()
    ended_at = conversation.ended_at
    conversation.end(EndReason.USER_LEFT)
    conversation.refresh_from_db()
    assert conversation.has_ended
    assert conversation.end_reason == EndReason.CREDENTIAL_PROBLEM
    assert conversation.ended_at == ended_at


def test_how_long_it_took(agent: Agent) -> None:
    row = make_conversation(agent, None)
    row.started_at = ago(seconds=90)
    row.ended_at = row.started_at + timedelta(seconds=61.5)
    assert row.duration_ms == 61_500
    talking = make_conversation(agent, None, state=ConversationState.LIVE, ended_at=None)
    assert talking.duration_ms is None
    assert not talking.has_ended
