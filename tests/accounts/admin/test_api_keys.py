import re
from datetime import timedelta

import pytest
from django.test import Client

from accounts.admin.api_keys import overlap_in
from accounts.api_keys import create_api_key, find_api_key
from accounts.callers import caller_from_api_key
from accounts.models import ApiKey
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.admin.desk import act, add, audited
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(cast: Cast) -> Client:
    return signed_in(cast.acme.owner)


def test_a_new_key_is_shown_once(cast: Cast, owner: Client) -> None:
    answer = add(owner, "apikey", name="CI", scopes=["read"])
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    [text] = re.findall(r"prl_[0-9a-f]+_[0-9a-f]+", answer.text)
    key = find_api_key(text)
    assert key is not None
    assert (key.tenant, key.scopes, key.created_by) == (cast.acme.tenant, ["read"], cast.acme.owner)
    secret = text.rsplit("_", 1)[1]
    for address in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        page = owner.get(f"/admin/accounts/apikey/{address}").text
        assert key.prefix in page or "history" in address
        assert secret not in page
        assert key.hash not in page


def test_an_operator_says_whose_it_is(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    fields = {"name": "CI", "scopes": ["talk"]}
    assert "This field is required" in add(operator, "apikey", **fields).text
    assert add(operator, "apikey", tenant=str(cast.globex.tenant.pk), **fields).status_code == 200
    with platform_scope("test"):
        assert ApiKey.objects.get(name="CI").tenant == cast.globex.tenant


def test_a_tenant_is_not_taken_from_a_form(cast: Cast, owner: Client) -> None:
    fields = {"name": "CI", "scopes": ["talk"], "tenant": str(cast.globex.tenant.pk)}
    assert add(owner, "apikey", **fields).status_code == 200
    with platform_scope("test"):
        assert ApiKey.objects.get(name="CI").tenant == cast.acme.tenant


def test_nobody_gives_away_more_than_her_role_allows(cast: Cast) -> None:
    developer = signed_in(cast.acme.developer)
    answer = add(developer, "apikey", name="CI", scopes=["read"])
    assert "not one of the available choices" in answer.text
    assert add(developer, "apikey", name="CI", scopes=["talk"]).status_code == 200
    assert "prl_" in add(developer, "apikey", name="CI", scopes=["talk"]).text


def test_unknown_scopes(owner: Client) -> None:
    answer = add(owner, "apikey", name="CI", scopes=["everything"])
    assert "not one of the available choices" in answer.text


def test_changing_and_revoking(cast: Cast, owner: Client) -> None:
    key, text = create_api_key(cast.acme.tenant, "CI", ["read"])
    fields = {"name": "renamed", "scopes": ["talk"]}
    assert owner.post(f"/admin/accounts/apikey/{key.pk}/change/", fields).status_code == 302
    found = find_api_key(text)
    assert found is not None
    assert (found.name, found.scopes) == ("renamed", ["talk"])
    asked = act(owner, "apikey", "revoke", found, yes=False)
    assert "It cannot be undone" in asked.text
    assert find_api_key(text) is not None
    act(owner, "apikey", "revoke", found)
    assert find_api_key(text) is None
    assert audited()[-2:] == ["apikey.changed", "api-key.revoked"]
    assert owner.post(f"/admin/accounts/apikey/{key.pk}/delete/").status_code == 403
    assert "Revoked" in owner.get("/admin/accounts/apikey/").text


def test_networks_are_kept_and_a_bad_one_is_named(cast: Cast, owner: Client) -> None:
    fields = {"name": "CI", "scopes": ["read"]}
    refused = add(owner, "apikey", networks="203.0.113.0/24\nour office", **fields)
    assert "&#x27;our&#x27; is no address and no network" in refused.text
    assert "203.0.113.0/24\nour office" in refused.text, "the form keeps what was typed"
    answer = add(owner, "apikey", networks="203.0.113.9/24", **fields)
    [text] = re.findall(r"prl_[0-9a-f]+_[0-9a-f]+", answer.text)
    key = find_api_key(text)
    assert key is not None
    assert key.networks == ["203.0.113.0/24"]
    assert f"prl_{key.prefix}_…{text[-4:]}" in owner.get("/admin/accounts/apikey/").text
    change = owner.get(f"/admin/accounts/apikey/{key.pk}/change/").text
    assert "203.0.113.0/24</textarea>" in change


def test_rotating_shows_the_successor_once(cast: Cast, owner: Client) -> None:
    key, _ = create_api_key(cast.acme.tenant, "CI", ["read"])
    asked = act(owner, "apikey", "rotate", key, yes=False)
    assert "24 hours more" in asked.text
    answer = act(owner, "apikey", "rotate", key)
    [text] = re.findall(r"prl_[0-9a-f]+_[0-9a-f]+", answer.text)
    found = find_api_key(text)
    assert found is not None
    assert (found.name, found.created_by) == ("CI", cast.acme.owner)
    assert f"prl_{key.prefix}_…{key.last_four}, works until" in answer.text
    assert "no-store" in answer["Cache-Control"]
    act(owner, "apikey", "revoke", key)
    assert "exactly one that is active" in act(owner, "apikey", "rotate", key).text


def test_nobody_rotates_another_tenants_key(cast: Cast, owner: Client) -> None:
    key, text = create_api_key(cast.globex.tenant, "CI", ["read"])
    assert "prl_" not in act(owner, "apikey", "rotate", key).text
    assert find_api_key(text) is not None
    with platform_scope("test"):
        assert ApiKey.objects.filter(tenant=cast.globex.tenant, name="CI").count() == 1


def test_nobody_rotates_a_key_that_may_do_more_than_herself(cast: Cast) -> None:
    developer = signed_in(cast.acme.developer)
    strong, _ = create_api_key(cast.acme.tenant, "reader", ["read", "talk"])
    weak, _ = create_api_key(cast.acme.tenant, "talker", ["talk"])
    refused = act(developer, "apikey", "rotate", strong).text
    assert "It may do more than you" in refused
    assert "prl_" in act(developer, "apikey", "rotate", weak).text
    with platform_scope("test"):
        assert ApiKey.objects.filter(name="reader").count() == 1


def test_rotating_for_as_long_as_is_chosen(cast: Cast, owner: Client) -> None:
    key, text = create_api_key(cast.acme.tenant, "CI", ["read"])
    fields = {"action": "rotate", "_selected_action": str(key.pk), "index": "0", "overlap": "0"}
    answer = owner.post("/admin/accounts/apikey/", {**fields, "confirmed": "yes"})
    [successor] = re.findall(r"prl_[0-9a-f]+_[0-9a-f]+", answer.text)
    assert find_api_key(text) is None
    assert find_api_key(successor) is not None
    assert overlap_in("168") == timedelta(days=7)
    assert overlap_in("1e9") == overlap_in("") == timedelta(hours=24)


def test_a_key_for_certain_agents_and_for_tests(cast: Cast, owner: Client) -> None:
    mine, theirs = make_agent(cast.acme.tenant), make_agent(cast.globex.tenant)
    form = owner.get("/admin/accounts/apikey/add/").text
    assert str(mine.pk) in form
    assert str(theirs.pk) not in form
    fields = {"name": "CI", "scopes": ["read"], "agents": [str(mine.pk)], "is_test": "on"}
    answer = add(owner, "apikey", **fields)
    [text] = re.findall(r"prl_test_[0-9a-f]+_[0-9a-f]+", answer.text)
    key = find_api_key(text)
    assert key is not None
    assert (key.agents, key.is_test) == ([str(mine.pk)], True)
    # Once made, a key for tests stays one.
    owner.post(f"/admin/accounts/apikey/{key.pk}/change/", {"name": "CI", "scopes": ["read"]})
    changed = find_api_key(text)
    assert changed is not None
    assert (changed.agents, changed.is_test) == ([], True)
    refused = add(owner, "apikey", **{**fields, "agents": [str(theirs.pk)]})
    assert "not one of the available choices" in refused.text


def test_an_operator_gives_a_key_agents_of_its_own_organisation(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    mine, theirs = make_agent(cast.acme.tenant), make_agent(cast.globex.tenant)
    fields = {"name": "CI", "scopes": ["talk"], "tenant": str(cast.acme.tenant.pk)}
    refused = add(operator, "apikey", **fields, agents=[str(theirs.pk)])
    assert "agents of the key&#x27;s own organisation" in refused.text
    assert "prl_" in add(operator, "apikey", **fields, agents=[str(mine.pk)]).text


def test_an_agent_that_is_gone_opens_nothing_and_can_stay_named(cast: Cast, owner: Client) -> None:
    agent = make_agent(cast.acme.tenant)
    key, text = create_api_key(cast.acme.tenant, "CI", ["read"], agents=[agent.pk])
    gone = agent.pk
    with tenant_scope(cast.acme.tenant.pk):
        agent.delete()
    address = f"/admin/accounts/apikey/{key.pk}/change/"
    assert "an agent that was deleted" in owner.get(address).text
    fields = {"name": "renamed", "scopes": ["read"], "agents": [str(gone)]}
    assert owner.post(address, fields).status_code == 302
    caller = caller_from_api_key(text)
    assert caller is not None
    assert caller.agents == frozenset({gone})
