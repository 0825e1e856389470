"""Tags are put on and taken off once, whoever asks twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from conversations.api import tags
from conversations.models import Agent, Conversation
from tests.cast import Cast
from tests.conversations.talks import make_conversation, with_key


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def tags_of(row: Conversation) -> str:
    return f"/api/v1/conversations/{row.pk}/tags/"


def put(client: Client, row: Conversation, name: Any) -> Any:
    return client.post(tags_of(row), {"name": name}, content_type="application/json")


def names(client: Client, row: Conversation) -> list[str]:
    return [each["name"] for each in client.get(tags_of(row)).json()["results"]]


def test_on_and_off(cast: Cast, agent: Agent, acme: Client) -> None:
    one, two = (make_conversation(agent, None) for _ in range(2))
    for row, name in ((one, "Shoes"), (one, "shoes "), (two, "shoes"), (one, "size 42")):
        assert put(acme, row, name).status_code == 201
    assert names(acme, one) == ["shoes", "size 42"]
    in_use = acme.get("/api/v1/tags/").json()["results"]
    assert in_use == [
        {"name": "shoes", "conversations": 2},
        {"name": "size 42", "conversations": 1},
    ]
    assert acme.delete(f"{tags_of(one)}SIZE 42/").status_code == 204
    assert acme.delete(f"{tags_of(one)}size 42/").status_code == 404
    globex = with_key(cast.globex.api_key)
    assert put(globex, one, "theirs").status_code == 404
    assert globex.delete(f"{tags_of(one)}shoes/").status_code == 404
    assert globex.get("/api/v1/tags/").json() == {"results": []}
    assert names(acme, one) == ["shoes"]
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(object_id=str(one.pk)).order_by("id")
        assert [entry.action for entry in entries] == [
            *("conversation.tagged", "conversation.tagged", "conversation.untagged")
        ]


@pytest.mark.parametrize("name", ["", " ", "-x", "a/b", "a,b", "x" * 41, None, ["a"], "a\0"])
def test_what_is_no_tag(agent: Agent, acme: Client, name: Any) -> None:
    assert put(acme, make_conversation(agent, None), name).status_code == 400


def test_there_is_an_end_of_it(agent: Agent, acme: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MOST_ON_ONE", 1)
    row = make_conversation(agent, None)
    answers = [put(acme, row, name) for name in ("a", "a", "b")]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "too-many-tags"
