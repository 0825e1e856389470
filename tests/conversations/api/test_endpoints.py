"""The API answers a tenant's key with that tenant's conversations, and nothing else."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.api_keys import create_api_key
from accounts.models import ApiKey, AuditEntry, Tenant
from accounts.tenancy import platform_scope
from conversations.api.pagination import InSpokenOrder, NewestFirst
from conversations.models import Agent, Conversation
from conversations.states import ConversationState, TurnState
from tests.cast import Cast
from tests.conversations.talks import (
    add_turn,
    ago,
    make_agent,
    make_conversation,
    make_open,
    signed_in,
    with_key,
)

LIST = "/api/v1/conversations/"


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


@pytest.fixture
def globex(cast: Cast) -> Client:
    return with_key(cast.globex.api_key)


def address(conversation_id: object, tail: str = "") -> str:
    return f"{LIST}{conversation_id}/{tail}"


def ids_of(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_lists_newest_first(cast: Cast, agent: Agent, acme: Client) -> None:
    rows = [make_conversation(agent, cast.acme.member) for _ in range(3)]
    assert ids_of(acme.get(LIST)) == [str(row.id) for row in reversed(rows)]


def test_tells_what_is_known_of_a_conversation(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, cast.acme.member, first_words="Do you have size 42?")
    assert row.ended_at is not None
    answer = acme.get(address(row.id)).json()
    duration_ms = answer.pop("duration_ms")
    assert duration_ms == row.duration_ms
    assert answer == {
        "id": str(row.id),
        "agent": {"id": str(agent.id), "name": "Shop"},
        "user": "member@acme.example",
        "state": "ended",
        "started_at": row.started_at.isoformat().replace("+00:00", "Z"),
        "ended_at": row.ended_at.isoformat().replace("+00:00", "Z"),
        "end_reason": "user-left",
        "first_words": "Do you have size 42?",
    }


def test_tells_of_one_that_runs_and_has_no_user(agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, None, state="live", ended_at=None, end_reason="")
    answer = acme.get(address(row.id)).json()
    unknown = {answer[name] for name in ("user", "ended_at", "end_reason", "duration_ms")}
    assert unknown == {None}


def test_tells_the_turns_in_order(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, cast.acme.member, ["Hello?"])
    add_turn(row, 9, "It is", state=TurnState.INTERRUPTED)
    add_turn(row, 5, "Good morning.")
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


def test_filters_by_agent_and_state(cast: Cast, agent: Agent, acme: Client) -> None:
    other = make_agent(cast.acme.tenant, "stories")
    ended = make_conversation(agent, cast.acme.member)
    live = make_open(agent, cast.acme.member, ago(seconds=1))
    make_conversation(other, cast.acme.member)
    assert ids_of(acme.get(LIST, {"agent": str(agent.id)})) == [str(live.id), str(ended.id)]
    assert ids_of(acme.get(LIST, {"agent": str(agent.id), "state": "live"})) == [str(live.id)]
    assert ids_of(acme.get(LIST, {"agent": str(uuid.uuid4())})) == []


def test_pages_stay_right_while_rows_are_added(
    cast: Cast, agent: Agent, acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NewestFirst, "page_size", 2)
    rows = [make_conversation(agent, cast.acme.member) for _ in range(5)]
    seen, address_of_page = [], LIST
    while address_of_page:
        page = acme.get(address_of_page)
        seen += ids_of(page)
        address_of_page = page.json()["next"]
        make_conversation(agent, cast.acme.member)
    assert seen == [str(row.id) for row in reversed(rows)]


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


@pytest.mark.parametrize(("rows", "turns"), [(1, 1), (12, 40)])
def test_the_number_of_queries_does_not_grow(
    cast: Cast,
    agent: Agent,
    acme: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
    turns: int,
) -> None:
    made = [make_conversation(agent, cast.acme.member, ["Word"] * turns) for _ in range(rows)]
    acme.get(LIST)  # notes the key's use, which is written once a minute
    with django_assert_num_queries(2):  # the key, the rows
        acme.get(LIST)
    with django_assert_num_queries(4):  # the key, the conversation, its turns, who read them
        acme.get(address(made[-1].id, "turns/"))


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


PATHS: list[Callable[[Conversation], str]] = [
    lambda row: address(row.id),
    lambda row: address(row.id, "turns/"),
]


@pytest.mark.parametrize("path", PATHS)
def test_the_other_tenants_key_finds_nothing(
    cast: Cast, agent: Agent, globex: Client, path: Callable[[Conversation], str]
) -> None:
    row = make_conversation(agent, cast.acme.member)
    answer = globex.get(path(row))
    missing = globex.get(path(Conversation(id=uuid.uuid4())))
    assert answer.status_code == 404
    # Nothing tells a foreign conversation from one that does not exist.
    assert answer.json() == missing.json()
    assert ids_of(globex.get(LIST)) == []
    assert ids_of(globex.get(LIST, {"agent": str(agent.id)})) == []


@pytest.mark.parametrize("path", [lambda row: LIST, *PATHS])
def test_without_a_key_nothing_is_told(
    cast: Cast, agent: Agent, client: Client, path: Callable[[Conversation], str]
) -> None:
    row = make_conversation(agent, cast.acme.member)
    answer = client.get(path(row))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "not-authenticated"


def test_a_wrong_key_is_refused(db: None) -> None:
    answer = with_key("prl_000000000000_" + "0" * 64).get(LIST)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


@pytest.mark.parametrize("path", [lambda row: LIST, *PATHS])
def test_a_key_without_the_scope_is_refused(
    cast: Cast, agent: Agent, path: Callable[[Conversation], str]
) -> None:
    row = make_conversation(agent, cast.acme.member)
    answer = with_key(key_with(cast.acme.tenant, "talk")).get(path(row))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")


def key_with(tenant: Tenant, scope: str) -> str:
    return create_api_key(tenant, "narrow", [scope])[1]


@pytest.mark.parametrize(
    ("role", "status"), [("reviewer", 200), ("owner", 200), ("developer", 403), ("member", 403)]
)
def test_a_browser_session_reads_what_its_role_may_review(
    cast: Cast, agent: Agent, role: str, status: int
) -> None:
    row = make_conversation(agent, cast.acme.member)
    client = signed_in(getattr(cast.acme, role))
    assert client.get(LIST).status_code == status
    assert client.get(address(row.id, "turns/")).status_code == status


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(cast: Cast, agent: Agent, acme: Client, method: str) -> None:
    row = make_conversation(agent, cast.acme.member)
    answer = getattr(acme, method)(address(row.id))
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


def test_states_of_the_filter_are_those_of_the_table(acme: Client, cast: Cast) -> None:
    assert all(acme.get(LIST, {"state": state}).status_code == 200 for state in ConversationState)
