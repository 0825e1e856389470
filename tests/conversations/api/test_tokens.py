"""Tokens over the API: minted, listed, revoked; Google's own; nothing of another tenant's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.api_keys import create_api_key
from accounts.audit.place import Place, at_place
from accounts.callers import EndUser
from accounts.models import AuditEntry, Credential
from accounts.tenancy import platform_scope, tenant_scope
from conversations.access_tokens import caller_from_access_token
from conversations.models import AccessToken, Agent
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in, with_key

LIST = "/api/v1/tokens/"
Post = Callable[..., Any]


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


@pytest.fixture
def globex(cast: Cast) -> Client:
    return with_key(cast.globex.api_key)


def post(client: Client, body: dict[str, Any], address: str = LIST) -> Any:
    return client.post(address, body, content_type="application/json")


def minted(client: Client, agent: Agent, **body: Any) -> dict[str, Any]:
    answer = post(client, {"agent": str(agent.pk), **body})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_all_that_a_token_can_be(cast: Cast, agent: Agent, acme: Client) -> None:
    soon = timezone.now() + timedelta(hours=1)
    body = {
        "uses": 3,
        "expireTime": soon.isoformat(),
        "newSessionExpireTime": soon.isoformat(),
        "origins": ["https://shop.example"],
        "modalities": ["text", "audio"],
        "limits": {"length_ms": 600_000, "spend_micros": 2_000_000},
        "user": {"id": "u-17", "name": "Ada"},
        "bidiGenerateContentSetup": {"generationConfig": {"temperature": 0.5}},
        "fieldMask": "generationConfig.temperature,tools",
    }
    found = minted(acme, agent, **body)
    assert {name: found[name] for name in body if "Time" not in name} == {
        name: value for name, value in body.items() if "Time" not in name
    }
    assert parse_datetime(found["expireTime"]) == soon
    assert (found["kind"], found["state"], found["used"]) == ("parley", "active", 0)
    assert (found["model"], found["apiVersion"]) == ("shop", "v1alpha")
    assert found["minted_by"].startswith("key:")
    with at_place(Place(origin="https://shop.example")):
        caller = caller_from_access_token(found["name"])
    assert caller is not None
    assert caller.end_user == EndUser("u-17", "Ada")
    with tenant_scope(cast.acme.tenant.pk):
        row = AccessToken.objects.get(pk=found["id"])
    assert row.limits == {"length_ms": 600_000, "total_spend_micros": 2_000_000}


def test_the_secret_is_shown_once(agent: Agent, acme: Client) -> None:
    answer = post(acme, {"agent": str(agent.pk)})
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    secret = found["name"].rpartition("_")[2]
    one = acme.get(f"{LIST}{found['id']}/")
    many = acme.get(LIST)
    assert "name" not in one.json()
    assert secret not in one.content.decode() + many.content.decode()
    assert one.json()["shown"] == f"{found['name'][:-64]}…{secret[-4:]}"
    assert one.json() == many.json()["results"][0]


def test_the_list_by_user_and_agent(cast: Cast, agent: Agent, acme: Client) -> None:
    other = make_agent(cast.acme.tenant, "other")
    ada = minted(acme, agent, user={"id": "ada"})
    eve = minted(acme, other, user={"id": "eve"})

    def ids(query: str = "") -> list[str]:
        return [row["id"] for row in acme.get(LIST + query).json()["results"]]

    assert ids() == [eve["id"], ada["id"]]
    assert ids("?user=ada") == [ada["id"]]
    assert ids(f"?agent={other.pk}") == [eve["id"]]
    assert acme.get(f"{LIST}?agent=x").status_code == 400


def test_revoking_is_for_good(agent: Agent, acme: Client) -> None:
    found = minted(acme, agent)
    for _ in range(2):
        answer = post(acme, {}, f"{LIST}{found['id']}/revoke/")
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    assert caller_from_access_token(found["name"]) is None
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(object_id=found["id"]).order_by("id")
        assert [row.action for row in entries] == ["access-token.minted", "access-token.revoked"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uses", -1),
        ("uses", 2**31),
        ("expireTime", "2020-01-01T00:00:00Z"),
        ("expireTime", "2099-01-01T00:00:00Z"),
        ("origins", ["shop.example"]),
        ("origins", [f"https://{number}.example" for number in range(21)]),
        ("modalities", ["smell"]),
        ("limits", {"length_ms": 1}),
        ("user", {"name": "Ada"}),
        ("user", {"id": "x" * 129}),
        ("bidiGenerateContentSetup", {"colour": "red"}),
        ("fieldMask", "colour"),
        ("agent", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("kind", "other"),
    ],
)
def test_what_can_be_no_token(agent: Agent, acme: Client, field: str, value: object) -> None:
    answer = post(acme, {"agent": str(agent.pk), field: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    assert {each["field"].partition(".")[0] for each in answer.json()["errors"]} == {field}


def test_nothing_of_another_tenants(agent: Agent, acme: Client, globex: Client) -> None:
    found = minted(acme, agent)
    assert globex.get(LIST).json()["results"] == []
    assert globex.get(f"{LIST}{found['id']}/").status_code == 404
    assert post(globex, {}, f"{LIST}{found['id']}/revoke/").status_code == 404
    theirs, nobodys = (
        post(globex, {"agent": each}).json()["errors"]
        for each in (str(agent.pk), str(uuid.uuid4()))
    )
    assert theirs == nobodys
    assert caller_from_access_token(found["name"]) is not None


def test_who_may(cast: Cast, agent: Agent, acme: Client) -> None:
    found = minted(acme, agent)
    _, reader = create_api_key(cast.acme.tenant, "reader", ["read", "talk", "write", "admin"])
    nobody = with_key(found["name"])  # a token is for conversations
    for client, expected in (
        (with_key(reader), 403),
        (signed_in(cast.acme.member), 403),
        (nobody, 401),
    ):
        assert client.get(LIST).status_code == expected
        assert post(client, {"agent": str(agent.pk)}).status_code == expected
    person = minted(signed_in(cast.acme.developer), agent)
    assert person["minted_by"] == f"user:{cast.acme.developer.pk}"


def test_a_restricted_key_mints_for_its_agents(cast: Cast, agent: Agent, acme: Client) -> None:
    other = make_agent(cast.acme.tenant, "other")
    elsewhere = minted(acme, other)
    _, key = create_api_key(cast.acme.tenant, "one", ["tokens"], agents=[agent.pk], is_test=True)
    mine = minted(with_key(key), agent)
    assert post(with_key(key), {"agent": str(other.pk)}).status_code == 400
    assert [row["id"] for row in with_key(key).get(LIST).json()["results"]] == [mine["id"]]
    assert with_key(key).get(f"{LIST}{elsewhere['id']}/").status_code == 404
    caller = caller_from_access_token(mine["name"])
    assert caller is not None
    assert caller.is_test


# --- Google's own ----------------------------------------------------------------------------


def test_without_a_credential_there_is_none_of_googles(agent: Agent, acme: Client) -> None:
    answer = post(acme, {"agent": str(agent.pk), "kind": "google"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-developer-credential")
    with platform_scope("test"):
        assert not AccessToken.objects.exists()


def test_googles_hold_nothing_of_ours(agent: Agent, acme: Client) -> None:
    body = {"origins": ["https://shop.example"], "limits": {"length_ms": 60_000}}
    answer = post(acme, {"agent": str(agent.pk), "kind": "google", **body})
    assert answer.status_code == 400
    assert {each["field"] for each in answer.json()["errors"]} == set(body)


def test_what_google_refuses_is_told(
    cast: Cast, agent: Agent, acme: Client, keyset_file: object
) -> None:
    from accounts.credentials import set_secret  # noqa: PLC0415

    row = Credential(
        tenant=cast.acme.tenant,
        name="nowhere",
        kind=Credential.Kind.API_KEY,
        endpoint=Credential.Endpoint.DEVELOPER,
        base_url="http://127.0.0.1:1",  # nothing listens at this port
        is_primary=True,
    )
    set_secret(row, "AIza-no-key-of-anybody")
    row.state = Credential.State.ACTIVE
    with tenant_scope(cast.acme.tenant.pk):
        row.save()
    answer = post(acme, {"agent": str(agent.pk), "kind": "google"})
    assert (answer.status_code, answer.json()["code"]) == (502, "google-refused")
    assert "cannot be reached" in answer.json()["detail"]
    assert "AIza" not in answer.content.decode()
