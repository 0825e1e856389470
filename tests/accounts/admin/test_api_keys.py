import re

import pytest
from django.test import Client

from accounts.api_keys import create_api_key, find_api_key
from accounts.models import ApiKey
from accounts.tenancy import platform_scope
from tests.accounts.admin.desk import act, add, audited
from tests.cast import Cast
from tests.conversations.talks import signed_in

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
