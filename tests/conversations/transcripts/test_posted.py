"""What was said past us is kept as it was told, and only where it can be true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.callers import EndUser
from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import AccessToken, Agent, Conversation
from conversations.states import Speaker, TurnState
from conversations.transcripts.posted import NotPostable, Told, keep_transcript
from tests.cast import Cast

TOLD = [
    Told(Speaker.USER, "Do you have size 42?", 0, 900),
    Told(Speaker.AGENT, "Yes, two", 1000, 1500, interrupted=True),
    Told(Speaker.USER, "Thanks", 1600, 1900),
]
SECOND = timedelta(seconds=1)


@pytest.fixture
def token(agent: Agent) -> AccessToken:
    now = timezone.now()
    with tenant_scope(agent.tenant_id):
        row: AccessToken = AccessToken.objects.create(
            agent=agent,
            kind=AccessToken.Kind.GOOGLE,
            expires_at=now + timedelta(minutes=30),
            new_session_expires_at=now + timedelta(minutes=1),
            end_user="u-17",
            end_user_name="Ada",
            minted_by="system",
            created_at=now,
        )
    return row


def posted(token: AccessToken, **times: Any) -> Conversation:
    began = times.get("began", token.created_at + 2 * SECOND)
    ended = times.get("ended", began + 10 * SECOND)
    now = times.get("now", token.created_at + timedelta(minutes=5))
    with tenant_scope(token.tenant_id):
        return keep_transcript(token, TOLD, began, ended, actor="key:1", now=now)


def test_it_stands_beside_the_others(token: AccessToken, cast: Cast) -> None:
    row = posted(token)
    with platform_scope("test"):
        row = Conversation.objects.get(pk=row.pk)
        turns = list(row.turns.all())
        entry = AuditEntry.objects.get(action="transcript.posted")
    assert (row.tenant_id, row.person, row.first_words) == (
        cast.acme.tenant.pk,
        "Ada",
        "Do you have size 42?",
    )
    assert row.started_at == token.created_at + 2 * SECOND
    assert row.duration_ms == 10_000
    assert row.has_ended
    assert [(turn.speaker, turn.text, turn.key) for turn in turns] == [
        (Speaker.USER, "Do you have size 42?", "1.1"),
        (Speaker.AGENT, "Yes, two", "1.3"),
        (Speaker.USER, "Thanks", "1.5"),
    ]
    assert [turn.state for turn in turns] == [
        TurnState.FINAL,
        TurnState.INTERRUPTED,
        TurnState.FINAL,
    ]
    assert entry.after == {"turns": 3}


def test_as_often_as_the_token_begins(token: AccessToken) -> None:
    posted(token)
    with pytest.raises(NotPostable, match="posted already"):
        posted(token)


@pytest.mark.parametrize(
    ("fields", "times", "words"),
    [
        ({"kind": AccessToken.Kind.PARLEY}, {}, "kept as it is said"),
        ({}, {"began": -timedelta(minutes=5)}, "began no conversation"),
        ({}, {"began": timedelta(minutes=20)}, "began no conversation"),
        ({}, {"ended": timedelta(0)}, "ended before"),
        ({}, {"ended": timedelta(minutes=20)}, "later than the token"),
    ],
)
def test_what_cannot_be_true(
    token: AccessToken, fields: dict[str, Any], times: dict[str, timedelta], words: str
) -> None:
    for name, value in fields.items():
        setattr(token, name, value)
    with pytest.raises(NotPostable, match=words):
        posted(token, **{name: token.created_at + after for name, after in times.items()})
    with tenant_scope(token.tenant_id):
        assert not Conversation.objects.exists()
        assert AccessToken.objects.get(pk=token.pk).used == 0


def test_whose_it_was_is_the_tokens_to_say(token: AccessToken) -> None:
    assert EndUser(posted(token).end_user, "Ada") == EndUser("u-17", "Ada")
