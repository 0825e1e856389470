"""Members and invitations over the API, by the rules of the members' page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.invitations import find_invitation
from accounts.models import AuditEntry, Invitation, Membership, User
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast
from tests.conversations.talks import signed_in, with_key

LIST, INVITATIONS = "/api/v1/members/", "/api/v1/invitations/"


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def send(client: Client, method: str, address: str, body: Any = None, **headers: str) -> Any:
    ask = getattr(client, method)
    return ask(address, body or {}, content_type="application/json", headers=headers)


def of(cast: Cast, user: User) -> str:
    with tenant_scope(cast.acme.tenant.pk):
        return f"{LIST}{Membership.objects.get(user=user).pk}/"


def actions() -> list[str]:
    with platform_scope("test"):
        rows = AuditEntry.objects.order_by("id").values_list("action", flat=True)
        return [each for each in rows if each.startswith(("membership", "invitation"))]


def test_a_member_changes_goes_and_comes_back(cast: Cast, acme: Client) -> None:
    found = acme.get(LIST).json()["results"]
    assert [each["role"] for each in found] == [str(role) for role in Role]
    here = of(cast, cast.acme.member)
    one = acme.get(here)
    assert one.json() in found
    assert one.json()["email"] == "member@acme.example"
    changed = send(acme, "patch", here, {"role": "reviewer"}, **{"If-Match": one["ETag"]})
    assert (changed.status_code, changed.json()["role"]) == (200, "reviewer")
    late = send(acme, "patch", here, {"role": "admin"}, **{"If-Match": one["ETag"]})
    assert late.status_code == 412
    for _ in range(2):
        assert acme.delete(here).status_code == 204
    assert acme.get(here).json()["state"] == "disabled"
    assert send(acme, "patch", here, {"state": "active"}).json()["state"] == "active"
    assert actions() == ["membership.role-changed", "membership.disabled", "membership.enabled"]


def test_what_stays_is_refused(cast: Cast, acme: Client) -> None:
    owner, member = of(cast, cast.acme.owner), of(cast, cast.acme.member)
    for method, address, body in [
        ("patch", member, {"role": "owner"}),
        ("patch", owner, {"role": "member"}),
        ("delete", owner, {}),
        ("post", INVITATIONS, {"email": "new@acme.example", "role": "owner"}),
    ]:
        answer = send(acme, method, address, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "owners-only")
    assert send(acme, "patch", member, {"role": "queen"}).status_code == 400
    # A person does that on the page, which asks once more.
    person = signed_in(cast.acme.owner)
    assert person.get(LIST).status_code == 200
    for method, address in [("patch", member), ("delete", member), ("post", INVITATIONS)]:
        assert send(person, method, address).json()["code"] == "keys-only"
    assert actions() == []


def test_an_invitation_is_made_shown_once_and_revoked(cast: Cast, acme: Client) -> None:
    body = {"email": "New@acme.example", "role": "reviewer"}
    made = send(acme, "post", INVITATIONS, body)
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    token = made.json()["link"].partition("key=")[2]
    assert find_invitation(token) is not None
    here = f"{INVITATIONS}{made.json()['id']}/"
    assert token not in acme.get(here).text + acme.get(INVITATIONS).text
    assert acme.get(here).json() in acme.get(INVITATIONS).json()["results"]
    assert acme.delete(here).status_code == 204
    assert (acme.get(here).status_code, find_invitation(token)) == (404, None)
    known = send(acme, "post", INVITATIONS, {"email": cast.acme.member.email})
    assert (known.status_code, known.json()["code"]) == (409, "already-member")
    assert send(acme, "post", INVITATIONS, {"email": "none"}).status_code == 400


def test_the_other_tenant_reaches_none_of_it(cast: Cast, acme: Client) -> None:
    send(acme, "post", INVITATIONS, {"email": "new@acme.example"})
    with tenant_scope(cast.acme.tenant.pk):
        invitation = Invitation.objects.get()
    globex = with_key(cast.globex.api_key)
    for address in (of(cast, cast.acme.member), f"{INVITATIONS}{invitation.pk}/"):
        for method in ("get", "delete"):
            assert send(globex, method, address).status_code == 404
    assert "acme" not in globex.get(LIST).text + globex.get(INVITATIONS).text
