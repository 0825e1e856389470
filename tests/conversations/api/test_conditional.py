"""Nothing is sent twice that has not changed, and nobody changes what they have not seen."""

import pytest
from django.test import Client

from accounts.tenancy import tenant_scope
from conversations.api.conditional import etag_of, matches
from conversations.models import Agent
from tests.cast import Cast
from tests.conversations.api import probe
from tests.conversations.api.probe import ADDRESS, made
from tests.conversations.talks import make_conversation, with_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls(probe.__name__)]


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    made.clear()


@pytest.fixture
def acme(cast: Cast, keyset_file: object) -> Client:
    return with_key(cast.acme.api_key)


@pytest.mark.parametrize(
    ("header", "is_so"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
        ("nonsense,,", False),
    ],
)
def test_conditions(header: str, is_so: bool) -> None:
    assert matches('"a"', header) is is_so


def test_what_has_not_changed_is_not_sent_again(acme: Client) -> None:
    first = acme.get(ADDRESS)
    assert first["ETag"] == etag_of(first.content)
    assert first["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(first["Vary"].replace(" ", "").split(","))
    again = acme.get(ADDRESS, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["X-Request-Id"]
    assert again["RateLimit"]
    made.append(1)
    changed = acme.get(ADDRESS, headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.json()) == (200, {"made": 1})
    assert changed["ETag"] != first["ETag"]


def test_lists_and_details_have_them_and_problems_have_none(
    cast: Cast, agent: Agent, acme: Client
) -> None:
    row = make_conversation(agent, cast.acme.member)
    for address in ("", f"{row.pk}/", f"{row.pk}/turns/"):
        path = f"/api/v1/conversations/{address}"
        etag = acme.get(path)["ETag"]
        assert acme.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert "ETag" not in acme.get("/api/v1/conversations/?cursor=x")
    assert acme.post(ADDRESS)["Cache-Control"] == "no-store"
    assert "ETag" not in acme.get("/history/")


def test_a_change_is_of_what_was_read(agent: Agent, acme: Client) -> None:
    address = f"/api/v1/agents-probe/{agent.pk}/"
    etag = acme.get(address)["ETag"]

    def patch(name: str, **headers: str) -> int:
        answer = acme.patch(address, {"name": name}, "application/json", headers=headers)
        return answer.status_code

    assert patch("wrong", **{"If-Match": etag}) == 400
    assert patch("One", **{"If-Match": etag}) == 200
    assert patch("Two", **{"If-Match": etag}) == 412
    assert patch("Three") == 200
    assert patch("Four", **{"If-Match": "*"}) == 200
    late = acme.delete(address, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")
    with tenant_scope(agent.tenant_id):
        assert Agent.objects.get(pk=agent.pk).name == "Four"
    assert acme.delete(address, headers={"If-Match": acme.get(address)["ETag"]}).status_code == 204
