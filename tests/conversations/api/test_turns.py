"""What was said comes in order, once it is finished, and who reads it is noted."""

import pytest
from django.test import Client

from accounts.models import ApiKey, AuditEntry
from accounts.tenancy import platform_scope
from conversations.api.pagination import InSpokenOrder
from conversations.models import Agent
from conversations.states import TurnState
from tests.cast import Cast
from tests.conversations.talks import add_turn, make_conversation, signed_in, with_key


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


@pytest.fixture
def globex(cast: Cast) -> Client:
    return with_key(cast.globex.api_key)


def address(conversation_id: object, tail: str = "") -> str:
    return f"/api/v1/conversations/{conversation_id}/{tail}"


def test_tells_the_turns_in_order(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, cast.acme.member, ["Hello?"])
    add_turn(row, 9, "It is", state=TurnState.INTERRUPTED)
    add_turn(row, 5, "Good morning.")
    add_turn(row, 11, "in the m", state=TurnState.PARTIAL)
    answer = acme.get(address(row.id, "turns/")).json()
    assert [
        (turn["turn"], turn["speaker"], turn["state"], turn["text"]) for turn in answer["results"]
    ] == [
        ("1.1", "user", "final", "Hello?"),
        ("1.5", "agent", "final", "Good morning."),
        ("1.9", "agent", "interrupted", "It is"),
    ]
    assert answer["results"][0]["start_ms"] == 1000
    assert answer["next"] is None


def test_turns_come_in_pages_too(
    cast: Cast, agent: Agent, acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InSpokenOrder, "page_size", 3)
    row = make_conversation(agent, cast.acme.member, [f"Word {n}" for n in range(7)])
    seen, address_of_page = [], address(row.id, "turns/")
    while address_of_page:
        page = acme.get(address_of_page).json()
        seen += [turn["text"] for turn in page["results"]]
        address_of_page = page["next"]
    assert seen == [f"Word {n}" for n in range(7)]


def test_who_reads_a_transcript_is_recorded(
    cast: Cast, agent: Agent, acme: Client, globex: Client
) -> None:
    row = make_conversation(agent, cast.acme.member)
    for client in (acme, globex):
        client.get(address(row.id, "turns/"))
        client.get(address(row.id))  # holds no words
    signed_in(cast.acme.reviewer).get(address(row.id, "turns/"))
    with platform_scope("test"):
        key = ApiKey.objects.get(tenant=cast.acme.tenant)
        entries = AuditEntry.objects.filter(action="transcript.viewed").order_by("id")
        told = list(entries.values_list("actor", "object_id", "tenant_id"))
    actors = [f"key:{key.pk}", f"user:{cast.acme.reviewer.pk}"]
    assert told == [(actor, str(row.id), cast.acme.tenant.pk) for actor in actors]
