"""Agents over the API: drafts, publishing, going back; nothing of another tenant's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.api.agents import AgentSerializer
from conversations.models import Agent, AgentVersion
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in, with_key

LIST = "/api/v1/agents/"
NEW = {"slug": "boots", "name": "Boots", "prompt": " Be brief.\n", "voice": "Puck"}


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def send(client: Client, method: str, address: str, body: Any = None, **headers: str) -> Any:
    ask = getattr(client, method)
    return ask(address, body or {}, content_type="application/json", headers=headers)


def audited(agent_id: str) -> list[str]:
    with platform_scope("test"):
        rows = AuditEntry.objects.filter(object_id=agent_id).order_by("id")
        return list(rows.values_list("action", flat=True))


def test_an_agent_from_its_beginning(cast: Cast, acme: Client) -> None:
    made = send(acme, "post", LIST, NEW)
    assert made.status_code == 201, made.content
    agent, here = made.json(), made["Location"]
    assert {name: agent[name] for name in NEW} == NEW
    assert (agent["version"], agent["draft"], agent["modality"]) == (1, None, "AUDIO")
    assert acme.get(here).json() == agent
    assert acme.get(LIST).json()["results"] == [agent]

    changed = send(acme, "patch", here, {"voice": "Kore", "description": "Sells boots."}).json()
    assert (changed["voice"], changed["description"]) == ("Puck", "Sells boots.")
    assert (changed["draft"]["voice"], changed["draft"]["prompt"]) == ("Kore", NEW["prompt"])
    # A second change stands on the first one.
    again = send(acme, "patch", here, {"prompt": "Be kind."}).json()["draft"]
    assert (again["voice"], again["prompt"], again["number"]) == ("Kore", "Be kind.", 3)
    published = send(acme, "post", f"{here}publish/").json()
    assert (published["voice"], published["version"], published["draft"]) == ("Kore", 3, None)
    assert send(acme, "post", f"{here}publish/").json()["code"] == "no-draft"
    back = send(acme, "post", f"{here}publish/", {"version": 1}).json()
    assert (back["voice"], back["version"]) == ("Puck", 4)
    assert send(acme, "post", f"{here}publish/", {"version": 9}).status_code == 400

    send(acme, "patch", here, {"voice": "Aoede"})
    assert acme.delete(f"{here}draft/").status_code == 204
    assert acme.delete(f"{here}draft/").json()["code"] == "no-draft"
    page = acme.get(f"{here}versions/", {"limit": 3}).json()
    rest = acme.get(page["next"]).json()["results"]
    told = [(each["number"], each["state"], each["voice"]) for each in page["results"] + rest]
    assert told == [
        (5, "dropped", "Aoede"),
        (4, "published", "Puck"),
        (3, "published", "Kore"),
        (2, "dropped", "Kore"),
        (1, "published", "Puck"),
    ]
    assert audited(agent["id"]) == [
        *("agent.created", "agent.changed", "agent.draft-saved", "agent.draft-saved"),
        *("agent.published", "agent.published", "agent.draft-saved", "agent.draft-dropped"),
    ]


def test_nobodys_change_is_lost(agent: Agent, acme: Client) -> None:
    here = f"{LIST}{agent.pk}/"
    etag = acme.get(here)["ETag"]
    first = send(acme, "patch", here, {"voice": "Puck"}, **{"If-Match": etag})
    second = send(acme, "patch", here, {"voice": "Kore"}, **{"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert acme.get(here).json()["draft"]["voice"] == "Puck"
    # Who published has seen the draft.
    assert send(acme, "post", f"{here}publish/", **{"If-Match": etag}).status_code == 412
    etag = acme.get(here)["ETag"]
    assert send(acme, "post", f"{here}publish/", **{"If-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "shop"),
        ("slug", "not a slug"),
        ("name", ""),
        ("modality", "SMELL"),
        ("recording", "secretly"),
        ("open_to_callers", ["everything"]),
        ("prompt", "x" * 100_001),
        ("prompt", "\0"),
    ],
)
def test_what_an_agent_cannot_be(agent: Agent, acme: Client, field: str, value: Any) -> None:
    answer = send(acme, "post", LIST, {**NEW, field: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"].split(".")[0]) == (400, field)


def test_a_slug_may_stay(agent: Agent, acme: Client) -> None:
    body = {"slug": "shop", "open_to_callers": ["voice", "instruction"]}
    changed = send(acme, "patch", f"{LIST}{agent.pk}/", body).json()
    assert changed["open_to_callers"] == ["instruction", "voice"]


def test_keys_that_are_for_less_change_less(cast: Cast, agent: Agent) -> None:
    tenant = cast.acme.tenant
    other = make_agent(tenant, "stories")
    scopes = ["read", "write"]
    narrow = with_key(create_api_key(tenant, "narrow", scopes, agents=[agent.pk])[1])
    for_tests = with_key(create_api_key(tenant, "tests", scopes, is_test=True)[1])
    assert [each["slug"] for each in narrow.get(LIST).json()["results"]] == ["shop"]
    assert narrow.get(f"{LIST}{other.pk}/").status_code == 404
    assert narrow.get(f"{LIST}{other.pk}/versions/").status_code == 404
    assert send(narrow, "patch", f"{LIST}{agent.pk}/", {"voice": "Puck"}).status_code == 200
    for client, method, address in [
        (narrow, "post", LIST),
        (for_tests, "post", LIST),
        (for_tests, "patch", f"{LIST}{agent.pk}/"),
        (for_tests, "post", f"{LIST}{agent.pk}/publish/"),
        (for_tests, "delete", f"{LIST}{agent.pk}/draft/"),
    ]:
        answer = send(client, method, address, NEW)
        assert (answer.status_code, answer.json()["code"]) == (403, "key-restricted"), address


def test_the_other_tenant_reaches_none_of_it(cast: Cast, agent: Agent) -> None:
    globex, here = with_key(cast.globex.api_key), f"{LIST}{agent.pk}/"
    for method, address in [
        ("get", here),
        ("get", f"{here}versions/"),
        ("patch", here),
        ("post", f"{here}publish/"),
        ("delete", f"{here}draft/"),
    ]:
        assert getattr(globex, method)(address).status_code == 404
    assert globex.get(LIST).json()["results"] == []
    # A slug that another tenant has is free.
    assert send(globex, "post", LIST, {**NEW, "slug": "shop"}).status_code == 201
    assert signed_in(cast.acme.reviewer).patch(here).status_code == 403
    with tenant_scope(cast.acme.tenant.pk):
        assert not AgentVersion.objects.exists()


def test_of_two_at_once_one_gets_the_slug(
    agent: Agent, acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both have looked before either has written.
    monkeypatch.setattr(AgentSerializer, "validate_slug", lambda self, slug: slug)
    for method, address in (("post", LIST), ("patch", f"{LIST}{agent.pk}/")):
        body = {**NEW, "slug": "taken"}
        with tenant_scope(agent.tenant_id):
            Agent.objects.get_or_create(slug="taken", name="First")
        answer = send(acme, method, address, body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unique")
