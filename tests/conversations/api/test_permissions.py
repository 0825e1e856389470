"""What an endpoint asks of who calls: all of its permissions, and for restricted keys a promise."""

import uuid
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory

from accounts.api_keys import create_api_key
from accounts.callers import Caller
from accounts.roles import Permission, Role
from conversations.api.permissions import AgentsOnly, allowed, caller_of
from conversations.models import Agent
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, with_key

P = Permission
TENANT = uuid.uuid4()


class View:
    narrowed_to_agents = False


class Narrowed:
    narrowed_to_agents = True


def asks(caller: Caller | None, method: str = "GET", view: Any = View, **changing: Any) -> bool:
    request: Any = APIRequestFactory().generic(method, "/")
    request.auth = caller
    permission = allowed(P.READ_API, P.REVIEW_CONVERSATIONS, **changing)()
    return permission.has_permission(request, view())


def test_all_of_it_is_asked_for() -> None:
    assert asks(Caller(TENANT, scopes=frozenset({"read"})))
    assert asks(Caller(TENANT, role=Role.REVIEWER))
    assert not asks(Caller(TENANT, role=Role.DEVELOPER))
    assert not asks(Caller(TENANT, scopes=frozenset({"talk", "write", "tokens", "admin"})))
    assert not asks(None)


def test_changing_asks_for_something_else() -> None:
    writer = Caller(TENANT, scopes=frozenset({"write"}))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert asks(writer, method, changing=[P.WRITE_API])
        assert not asks(writer, method)
    assert not asks(writer, "GET", changing=[P.WRITE_API])


@pytest.mark.parametrize("narrow", [{"agents": frozenset[uuid.UUID]()}, {"is_test": True}])
def test_a_restricted_key_opens_only_what_promises_to_narrow(narrow: dict[str, Any]) -> None:
    caller = Caller(TENANT, scopes=frozenset({"read"}), **narrow)
    assert asks(caller, view=Narrowed)
    with pytest.raises(AgentsOnly):
        asks(caller)


def test_who_calls_is_known_behind_a_permission() -> None:
    request: Any = APIRequestFactory().get("/")
    request.auth = caller = Caller(TENANT, role=Role.OWNER)
    assert caller_of(request) is caller


def test_a_key_for_one_agent_finds_nothing_of_another(cast: Cast, agent: Agent) -> None:
    other = make_agent(cast.acme.tenant, "stories")
    mine, theirs = (make_conversation(each, cast.acme.member, ["Hi"]) for each in (agent, other))
    _, text = create_api_key(cast.acme.tenant, "shop", ["read"], agents=[agent.pk])
    key = with_key(text)
    listed = key.get("/api/v1/conversations/").json()["results"]
    assert [row["id"] for row in listed] == [str(mine.pk)]
    for tail in ("", "turns/"):
        assert key.get(f"/api/v1/conversations/{mine.pk}/{tail}").status_code == 200
        assert key.get(f"/api/v1/conversations/{theirs.pk}/{tail}").status_code == 404
    refused = key.get("/api/v1/requests/whichever/")
    assert (refused.status_code, refused.json()["code"]) == (403, "key-restricted")


def test_a_key_for_tests_finds_nothing_that_is_real(cast: Cast, agent: Agent) -> None:
    real = make_conversation(agent, cast.acme.member)
    trial = make_conversation(agent, None, is_test=True)
    _, text = create_api_key(cast.acme.tenant, "CI", ["read"], is_test=True)
    listed = with_key(text).get("/api/v1/conversations/").json()["results"]
    assert [row["id"] for row in listed] == [str(trial.pk)]
    assert with_key(text).get(f"/api/v1/conversations/{real.pk}/").status_code == 404
