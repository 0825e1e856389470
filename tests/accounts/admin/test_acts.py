"""Destructive acts: the effect is told, the name typed, and an old log-in renewed."""

import re
from typing import Any
from urllib.parse import unquote

import pytest

from accounts.models import ApiKey, Credential, Membership, Tenant
from accounts.tenancy import platform_scope
from conversations.models import Agent
from tests.accounts.admin.desk import act, audited, store
from tests.cast import PASSWORD, Cast
from tests.conversations.talks import ago, make_agent, make_open, signed_in

pytestmark = pytest.mark.django_db
OLD_S = 601


def key_of(cast: Cast) -> ApiKey:
    with platform_scope("test"):
        return ApiKey.objects.get(tenant=cast.acme.tenant)


def answer(page: Any) -> dict[str, Any]:
    """The hidden fields of a question, as a browser sends them back."""
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def test_nothing_happens_before_the_name_is_typed(cast: Cast) -> None:
    key, owner = key_of(cast), signed_in(cast.acme.owner)
    address = "/admin/accounts/apikey/"
    asked = act(owner, "apikey", "revoke", key, yes=False)
    assert "type <b>tests</b>" in asked.text
    assert "All programs together hold 0 live conversations now." in asked.text
    refused = owner.post(address, answer(asked) | {"typed": "something"})
    assert "Nothing was done. Type “tests” to do it." in refused.text
    assert key_of(cast).revoked_at is None
    assert owner.post(address, answer(refused) | {"typed": " Tests "}).status_code == 302
    assert key_of(cast).revoked_at is not None


def test_an_old_log_in_is_renewed_first(cast: Cast) -> None:
    key, owner = key_of(cast), signed_in(cast.acme.owner, seconds_ago=OLD_S)
    address = "/admin/accounts/apikey/"
    sent = act(owner, "apikey", "revoke", key)  # with the name typed
    assert unquote(sent.redirect_chain[-1][0]) == f"/account/confirm/?next={address}"
    assert key_of(cast).revoked_at is None
    came_back = owner.post(sent.redirect_chain[-1][0], {"password": PASSWORD, "next": address})
    assert came_back["Location"] == address
    asked = owner.get(address)
    assert "type <b>tests</b>" in asked.text
    assert key_of(cast).revoked_at is None
    assert owner.post(address, answer(asked) | {"typed": "tests"}).status_code == 302
    assert key_of(cast).revoked_at is not None
    assert "<b>tests</b>" not in owner.get(address).text


def test_what_ends_nothing_asks_for_no_log_in(cast: Cast, keyset_file: object) -> None:
    owner = signed_in(cast.acme.owner, seconds_ago=OLD_S)
    credential = store(cast.acme.tenant)
    asked = act(owner, "credential", "make_primary", credential, yes=False)
    assert 'name="typed"' not in asked.text
    assert act(owner, "credential", "make_primary", credential).status_code == 200


def test_rows_are_deleted_after_their_name(cast: Cast, keyset_file: object) -> None:
    owner, credential = signed_in(cast.acme.owner), store(cast.acme.tenant)
    agent = make_agent(cast.acme.tenant)
    for row, name in ((credential, "main"), (agent, "Shop")):
        address = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/delete/"
        asked = owner.get(address)
        assert f"type <b>{name}</b>" in asked.text
        assert "It cannot be undone." in asked.text
        assert owner.post(address, {"post": "yes"}).status_code == 200
        assert owner.post(address, answer(asked) | {"typed": name}).status_code == 302
    with platform_scope("test"):
        assert not Credential.objects.exists()
        assert not Agent.objects.exists()
    assert audited()[-2:] == ["credential.deleted", "agent.deleted"]


def test_an_old_log_in_comes_back_to_the_deletion(cast: Cast) -> None:
    owner = signed_in(cast.acme.owner, seconds_ago=OLD_S)
    address = f"/admin/conversations/agent/{make_agent(cast.acme.tenant).pk}/delete/"
    assert unquote(owner.get(address)["Location"]) == f"/account/confirm/?next={address}"


def test_several_are_deleted_together_or_not_at_all(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    with platform_scope("test"):
        rows = list(Membership.objects.filter(tenant=cast.acme.tenant).order_by("id"))
    asked = act(operator, "membership", "delete_selected", *rows[1:], yes=False)
    assert "type <b>4 memberships</b>" in asked.text
    # The last owner is among them.
    assert act(operator, "membership", "delete_selected", *rows).status_code == 403
    with platform_scope("test"):
        assert Membership.objects.filter(tenant=cast.acme.tenant).count() == 5
    act(operator, "membership", "delete_selected", *rows[1:])
    with platform_scope("test"):
        assert list(Membership.objects.filter(tenant=cast.acme.tenant)) == rows[:1]


def test_each_act_tells_what_it_ends(cast: Cast, keyset_file: object) -> None:
    make_open(make_agent(cast.acme.tenant), cast.acme.member, ago(seconds=0))
    operator, credential = signed_in(cast.operator), store(cast.acme.tenant)
    with platform_scope("test"):
        member = Membership.objects.get(user=cast.acme.member)
    for model, action, row, told in (
        ("tenant", "suspend", Tenant.objects.get(slug="acme"), "Acme: ends 1 live conversation."),
        ("membership", "delete_selected", member, "member@acme.example: ends 1 live"),
        ("credential", "revoke", credential, "main: 1 live conversation of the organisation"),
    ):
        assert told in act(operator, model, action, row, yes=False).text
