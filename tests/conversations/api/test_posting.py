"""Transcripts that are posted over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tenancy import tenant_scope
from conversations.models import AccessToken, Agent, Conversation
from tests.cast import Cast
from tests.conversations.talks import with_key

SAID = [
    {"speaker": "user", "text": "Hello", "start_ms": 0, "end_ms": 500},
    {"speaker": "agent", "text": "Hi", "start_ms": 600, "end_ms": 900, "interrupted": True},
]


@pytest.fixture
def token(agent: Agent) -> AccessToken:
    later = timezone.now() + timedelta(minutes=1)
    with tenant_scope(agent.tenant_id):
        row: AccessToken = AccessToken.objects.create(
            agent=agent,
            kind="google",
            expires_at=later,
            new_session_expires_at=later,
            end_user="u-17",
            minted_by="system",
        )
    return row


def post(client: Client, token: AccessToken, **changed: Any) -> Any:
    now = timezone.now()
    body = {"started_at": now.isoformat(), "ended_at": now.isoformat(), "turns": SAID, **changed}
    address = f"/api/v1/tokens/{token.pk}/transcripts/"
    return client.post(address, body, content_type="application/json")


def test_it_is_found_like_any_other(cast: Cast, token: AccessToken) -> None:
    acme = with_key(cast.acme.api_key)
    made = post(acme, token)
    assert made.status_code == 201
    assert (made.json()["end_user"], made.json()["state"]) == ({"id": "u-17", "name": ""}, "ended")
    address = f"/api/v1/conversations/{made.json()['id']}/"
    assert acme.get(address).json()["first_words"] == "Hello"
    turns = acme.get(f"{address}turns/").json()["results"]
    assert [turn["text"] for turn in turns] == ["Hello", "Hi"]
    again = post(acme, token)
    assert (again.status_code, again.json()["code"]) == (409, "transcript-not-postable")


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [{**SAID[0], "speaker": "staff"}],
        [SAID[1], SAID[0]],
        [{**SAID[0], "end_ms": -1}],
        [{**SAID[1], "end_ms": 599}],
        [{**SAID[0], "text": "x" * 40_000}],
        [SAID[0]] * 2001,
    ],
)
def test_what_is_no_transcript(cast: Cast, token: AccessToken, turns: list[Any]) -> None:
    answer = post(with_key(cast.acme.api_key), token, turns=turns)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    with tenant_scope(cast.acme.tenant.pk):
        assert not Conversation.objects.exists()


def test_another_tenant_finds_no_token(cast: Cast, token: AccessToken) -> None:
    assert post(with_key(cast.globex.api_key), token).status_code == 404
