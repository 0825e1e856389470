"""The API answers a tenant's key with that tenant's conversations, and nothing else."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.api_keys import create_api_key
from accounts.models import AuditEntry, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.api.pagination import NewestFirst, encode
from conversations.models import Agent, AgentVersion, Conversation, Lease, Tag
from conversations.states import ConversationState, EndReason, TurnState
from tests.accounts.admin.test_large_lists import plan_of, read_whole
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
from tests.copies import multiply

LIST = "/api/v1/conversations/"


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


@pytest.fixture
def globex(cast: Cast) -> Client:
    return with_key(cast.globex.api_key)


def address(conversation_id: object, tail: str = "") -> str:
    return f"{LIST}{conversation_id}/{tail}"


def tag(row: Conversation, *names: str) -> None:
    with tenant_scope(row.tenant_id):
        for name in names:
            Tag.objects.create(conversation=row, name=name, added_by="system")


def ids_of(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_lists_newest_first(cast: Cast, agent: Agent, acme: Client) -> None:
    rows = [make_conversation(agent, cast.acme.member) for _ in range(3)]
    assert ids_of(acme.get(LIST)) == [str(row.id) for row in reversed(rows)]


def test_tells_what_is_known_of_a_conversation(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, cast.acme.member, first_words="Do you have size 42?")
    assert row.ended_at is not None
    tag(row, "shoes", "boots")
    answer = acme.get(address(row.id)).json()
    duration_ms = answer.pop("duration_ms")
    assert duration_ms == row.duration_ms
    assert answer == {
        "id": str(row.id),
        "agent": {"id": str(agent.id), "name": "Shop"},
        "user": "member@acme.example",
        "end_user": None,
        "state": "ended",
        "started_at": row.started_at.isoformat().replace("+00:00", "Z"),
        "ended_at": row.ended_at.isoformat().replace("+00:00", "Z"),
        "end_reason": "user-left",
        "first_words": "Do you have size 42?",
        "is_test": False,
        "tags": ["boots", "shoes"],
        "text_erased_at": None,
        "events_erased_at": None,
    }


def test_tells_of_one_that_runs_and_has_no_user(agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, None, state="live", ended_at=None, end_reason="")
    answer = acme.get(address(row.id)).json()
    unknown = {answer[name] for name in ("user", "ended_at", "end_reason", "duration_ms")}
    assert unknown == {None}


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
    with django_assert_num_queries(4):  # the key, the rows, their tags, the request that was made
        acme.get(LIST)
    with django_assert_num_queries(5):  # and the conversation, who read it
        acme.get(address(made[-1].id, "turns/"))


PATHS: list[Callable[[Conversation], str]] = [
    lambda row: address(row.id),
    *(
        partial(lambda tail, row: address(row.id, tail), tail)
        for tail in ("turns/", "events/", "recordings/", "recording/", "notes/", "tags/")
    ),
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
    told, missed = ({**each.json(), "request_id": ""} for each in (answer, missing))
    assert told == missed
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


def test_states_of_the_filter_are_those_of_the_table(acme: Client, cast: Cast) -> None:
    assert all(acme.get(LIST, {"state": state}).status_code == 200 for state in ConversationState)


# --- finding ----------------------------------------------------------------------------------


def test_each_filter_and_all_together(cast: Cast, agent: Agent, acme: Client) -> None:
    other = make_agent(cast.acme.tenant, "stories")
    first = make_conversation(agent, cast.acme.member, ["Red shoes, please."])
    second = make_conversation(other, cast.acme.owner, ["Blue boots, please."], end_user="ada")
    live = make_open(agent, cast.acme.member, ago(seconds=1))
    tag(first, "shoes")
    tag(second, "shoes", "late")
    with tenant_scope(cast.acme.tenant.pk):
        Conversation.objects.filter(pk=second.pk).update(end_reason=EndReason.IDLE_LIMIT)
        for days, row in ((3, first), (2, second)):
            Conversation.objects.filter(pk=row.pk).update(started_at=ago(days=days))
    both = [str(second.pk), str(first.pk)]
    for query, expected in [
        ({"user": str(cast.acme.owner.pk)}, both[:1]),
        ({"end_user": "ada"}, both[:1]),
        ({"end_reason": "idle-limit"}, both[:1]),
        ({"state": "live"}, [str(live.pk)]),
        ({"tag": "Shoes"}, both),
        ({"text": "please"}, both),
        ({"text": "please -boots"}, both[1:]),
        ({"since": ago(days=2, hours=1).isoformat()}, [str(live.pk), both[0]]),
        ({"until": ago(days=1).isoformat()}, both),
        ({"text": "please", "tag": "shoes", "agent": str(agent.pk)}, both[1:]),
        ({"text": "please", "tag": "late", "agent": str(agent.pk)}, []),
    ]:
        assert ids_of(acme.get(LIST, query)) == expected, query


@pytest.mark.parametrize(
    "name", ["agent", "user", "state", "end_reason", "since", "until", "tag", "text"]
)
def test_a_filter_that_is_none_is_refused(acme: Client, name: str) -> None:
    answer = acme.get(LIST, {name: "\0" + "x" * 300})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


ROWS = 50_000
MANY = {
    "": 50,
    "?state=live": 1,
    "?end_reason=idle-limit": 1,
    "?tag=rare": 1,
    "?text=quokka": 1,
    "?text=quokka&state=live": 0,
    "?agent={agent}": 50,
    "?user={user}": 50,
    "?since=2000-01-01T00:00:00Z&until=2000-01-02T00:00:00Z": 0,
    "?cursor={cursor}": 50,
}


def test_a_list_of_fifty_thousand(cast: Cast, agent: Agent, acme: Client) -> None:
    multiply(make_conversation(agent, cast.acme.member, []), ROWS)
    rare = make_conversation(agent, None, ["Quokka"], end_reason=EndReason.IDLE_LIMIT)
    make_open(agent, cast.acme.owner, ago(seconds=0), words=[])
    tag(rare, "rare")
    with platform_scope("test"), connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_conversation, conversations_tag")
    with tenant_scope(cast.acme.tenant.pk):
        [deep] = Conversation.objects.order_by("-id")[40_000:40_001]
    places = {
        "agent": agent.pk,
        "user": cast.acme.member.pk,
        "cursor": encode([deep.pk]),
    }
    acme.get(LIST)
    for query, count in MANY.items():
        with CaptureQueriesContext(connection) as captured:
            answer = acme.get(LIST + query.format(**places))
        assert len(ids_of(answer)) == count, query
        assert len(captured) <= 5, query
        statements = [each["sql"] for each in captured if each["sql"].startswith("SELECT")]
        whole = {table for sql in statements for table in read_whole(plan_of(sql))}
        assert Conversation._meta.db_table not in whole, query


# --- beginning and ending ---------------------------------------------------------------------


def begin(client: Client, body: dict[str, Any], **headers: str) -> Any:
    return client.post(LIST, body, content_type="application/json", headers=headers)


def test_one_is_begun_once(cast: Cast, agent: Agent, acme: Client) -> None:
    body = {"agent": str(agent.pk), "end_user": {"id": "ada", "name": "Ada"}}
    answer, again = (begin(acme, body, **{"Idempotency-Key": "1"}) for _ in range(2))
    assert answer.status_code == 201, answer.content
    found = answer.json()
    assert (found["state"], found["end_user"]) == ("waiting", {"id": "ada", "name": "Ada"})
    assert again.json() == found
    assert answer["Location"].endswith(address(found["id"]))
    assert acme.get(answer["Location"]).json() == found
    with tenant_scope(cast.acme.tenant.pk):
        [row] = Conversation.objects.all()
        assert row.version == AgentVersion.objects.get(agent=agent)
        assert Lease.objects.filter(conversation=row).exists()


def test_who_only_talks_begins_for_themselves(cast: Cast, agent: Agent) -> None:
    talker = with_key(key_with(cast.acme.tenant, "talk"))
    assert begin(talker, {"agent": str(agent.pk)}).status_code == 201
    body = {"agent": str(agent.pk), "end_user": {"id": "ada", "name": "Ada"}}
    answer = begin(talker, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")
    with tenant_scope(cast.acme.tenant.pk):
        assert Conversation.objects.get().end_user == ""


def test_what_cannot_be_begun(cast: Cast, agent: Agent, acme: Client, globex: Client) -> None:
    bad: list[tuple[dict[str, Any], int, str]] = [
        ({}, 400, "invalid-request"),
        ({"agent": "x"}, 400, "invalid-request"),
        ({"agent": str(uuid.uuid4())}, 404, "unknown-agent"),
        ({"agent": str(agent.pk), "draft": True}, 404, "unknown-draft"),
    ]
    for body, status, code in bad:
        answer = begin(acme, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert begin(globex, {"agent": str(agent.pk)}).status_code == 404
    narrow = with_key(key_with(cast.acme.tenant, "read"))
    assert begin(narrow, {"agent": str(agent.pk)}).status_code == 403
    with tenant_scope(cast.acme.tenant.pk):
        assert not Conversation.objects.exists()


def test_one_that_nobody_hosts_ends_at_once(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=5))
    add_turn(row, 9, "It is", state=TurnState.PARTIAL)
    for _ in range(2):
        answer = acme.post(address(row.pk, "end/"))
        assert (answer.status_code, answer.content) == (202, b"")
    found = acme.get(address(row.pk)).json()
    assert (found["state"], found["end_reason"]) == ("ended", "staff-ended")
    assert acme.get(address(row.pk, "turns/")).json()["results"][-1]["state"] == "interrupted"
    [event] = acme.get(address(row.pk, "events/")).json()["results"]
    assert (event["event"], event["kind"], event["data"]) == (
        "2.1",
        "ended",
        {"reason": "staff-ended"},
    )
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="conversation.stopped").count() == 1


def test_who_hosts_one_is_asked_to_end_it(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=-60))
    assert acme.post(address(row.pk, "end/")).status_code == 202
    with tenant_scope(cast.acme.tenant.pk):
        row.refresh_from_db()
    assert (row.state, row.stop_reason) == ("live", "staff-ended")


def test_the_other_tenant_ends_nothing(cast: Cast, agent: Agent, globex: Client) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=5))
    assert globex.post(address(row.pk, "end/")).status_code == 404
    with tenant_scope(cast.acme.tenant.pk):
        row.refresh_from_db()
    assert (row.state, row.stop_reason) == ("live", "")
