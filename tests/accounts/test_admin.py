import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.api_keys import create_api_key, find_api_key
from accounts.models import ApiKey, AuditEntry, Credential, Membership, Tenant, User
from accounts.tenancy import platform_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db
SECRET = "AIza-canary-0123456789-wxyz"
MODELS = ("user", "tenant", "membership", "credential", "apikey", "auditentry")


@pytest.fixture
def operator(client: Client, cast: Cast, keyset_file: object) -> Client:
    client.force_login(cast.operator)
    return client


def add(client: Client, model: str, **fields: Any) -> Any:
    return client.post(f"/admin/accounts/{model}/add/", fields)


def act(client: Client, model: str, action: str, *rows: models.Model) -> Any:
    chosen = [str(row.pk) for row in rows]
    return client.post(
        f"/admin/accounts/{model}/", {"action": action, "_selected_action": chosen}, follow=True
    )


def credential_fields(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {
        "tenant": str(cast.acme.tenant.pk),
        "name": "main",
        "kind": "api_key",
        "endpoint": "developer",
        "secret": SECRET,
        **fields,
    }


def audited() -> list[str]:
    with platform_scope("test"):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_forms_open(operator: Client, cast: Cast, model: str) -> None:
    assert operator.get(f"/admin/accounts/{model}/").status_code == 200
    expected = 403 if model == "auditentry" else 200
    assert operator.get(f"/admin/accounts/{model}/add/").status_code == expected
    with platform_scope("test"):
        row = apps.get_model("accounts", model)._default_manager.order_by("pk").first()
    if row is not None:
        answer = operator.get(f"/admin/accounts/{model}/{row.pk}/change/")
        assert answer.status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_only_operators_enter(client: Client, cast: Cast, model: str) -> None:
    for user in (cast.acme.owner, cast.stranger):
        client.force_login(user)
        assert client.get(f"/admin/accounts/{model}/").status_code == 302
    cast.acme.owner.is_staff = True
    cast.acme.owner.save()
    client.force_login(cast.acme.owner)
    assert client.get(f"/admin/accounts/{model}/").status_code == 403


def test_a_credential_goes_in_and_never_comes_out(operator: Client, cast: Cast) -> None:
    answer = add(operator, "credential", **credential_fields(cast))
    assert answer.status_code == 302
    with platform_scope("test"):
        credential = Credential.objects.get()
        entry = AuditEntry.objects.get(action="credential.created")
        entries = str(list(AuditEntry.objects.values()))
    assert credential.created_by == cast.operator
    assert entry.after is not None
    assert entry.after["secrets"] == ["secret"]
    assert "canary" not in entries
    for address in ("", f"{credential.pk}/change/", f"{credential.pk}/history/"):
        page = operator.get(f"/admin/accounts/credential/{address}").text
        assert "canary" not in page
    change = operator.get(f"/admin/accounts/credential/{credential.pk}/change/").text
    assert "wxyz" in change
    assert credential.fingerprint in change


def test_a_refused_credential_is_not_echoed(operator: Client, cast: Cast) -> None:
    fields = credential_fields(cast, kind="service_account", endpoint="vertex")
    answer = add(operator, "credential", **fields)
    assert answer.status_code == 200
    assert "no JSON" in answer.text
    assert "canary" not in answer.text
    fields["secret"] = json.dumps({"type": "service_account", "private_key": "canary"})
    answer = add(operator, "credential", **fields)
    assert "project_id is missing" in answer.text
    assert "canary" not in answer.text
    with platform_scope("test"):
        assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"secret": ""}, "Enter the secret"),
        ({"endpoint": "vertex"}, "is no name"),
        ({"base_url": "http://example.com"}, "unencrypted"),
        ({"kind": "authorized_user"}, "not one of the available choices"),
    ],
)
def test_what_a_credential_needs(
    operator: Client, cast: Cast, fields: dict[str, str], told: str
) -> None:
    answer = add(operator, "credential", **credential_fields(cast, **fields))
    assert answer.status_code == 200
    assert told in answer.text


def test_changing_a_credential_without_its_secret(operator: Client, cast: Cast) -> None:
    add(operator, "credential", **credential_fields(cast))
    with platform_scope("test"):
        before = Credential.objects.get()
    address = f"/admin/accounts/credential/{before.pk}/change/"
    fields = credential_fields(cast, name="renamed", secret="")
    # The tenant is no field of this form: another one is not taken.
    fields["tenant"] = str(cast.globex.tenant.pk)
    assert operator.post(address, fields).status_code == 302
    with platform_scope("test"):
        after = Credential.objects.get()
        entry = AuditEntry.objects.get(action="credential.changed")
    assert (after.name, after.tenant_id) == ("renamed", cast.acme.tenant.pk)
    assert bytes(after.sealed_secret) == bytes(before.sealed_secret)
    assert (entry.before, entry.after) == ({"name": "main"}, {"name": "renamed"})
    answer = operator.post(address, {**fields, "kind": "service_account"})
    assert "Enter the secret" in answer.text


def test_one_credential_is_primary(operator: Client, cast: Cast) -> None:
    add(operator, "credential", **credential_fields(cast, is_primary="on"))
    add(operator, "credential", **credential_fields(cast, name="second"))
    with platform_scope("test"):
        first, second = Credential.objects.order_by("id")
    assert "exactly one" in act(operator, "credential", "make_primary", first, second).text
    act(operator, "credential", "make_primary", second)
    with platform_scope("test"):
        assert Credential.objects.get(is_primary=True) == second
    act(operator, "credential", "revoke", second)
    with platform_scope("test"):
        second.refresh_from_db()
    assert (second.state, second.is_primary) == ("revoked", False)
    assert audited()[-2:] == ["credential.made-primary", "credential.revoked"]


def test_a_new_api_key_is_shown_once(operator: Client, cast: Cast) -> None:
    fields = {"tenant": str(cast.acme.tenant.pk), "name": "CI", "scopes": ["read"]}
    answer = add(operator, "apikey", **fields)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    [text] = re.findall(r"prl_[0-9a-f]+_[0-9a-f]+", answer.text)
    key = find_api_key(text)
    assert key is not None
    assert (key.tenant, key.scopes, key.created_by) == (cast.acme.tenant, ["read"], cast.operator)
    secret = text.rsplit("_", 1)[1]
    for address in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        page = operator.get(f"/admin/accounts/apikey/{address}").text
        assert key.prefix in page or "history" in address
        assert secret not in page
        assert key.hash not in page


def test_an_api_key_needs_known_scopes(operator: Client, cast: Cast) -> None:
    fields = {"tenant": str(cast.acme.tenant.pk), "name": "CI", "scopes": ["everything"]}
    assert "not one of the available choices" in add(operator, "apikey", **fields).text


def test_changing_and_revoking_an_api_key(operator: Client, cast: Cast) -> None:
    key, text = create_api_key(cast.acme.tenant, "CI", ["read"])
    fields = {"name": "renamed", "scopes": ["talk"]}
    answer = operator.post(f"/admin/accounts/apikey/{key.pk}/change/", fields)
    assert answer.status_code == 302
    found = find_api_key(text)
    assert found is not None
    assert (found.name, found.scopes) == ("renamed", ["talk"])
    act(operator, "apikey", "revoke", key)
    assert find_api_key(text) is None
    assert audited()[-2:] == ["apikey.changed", "api-key.revoked"]
    assert operator.post(f"/admin/accounts/apikey/{key.pk}/delete/").status_code == 403


def test_users(operator: Client, cast: Cast, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
    password = "canary correct horse"
    fields = {"usable_password": "true", "password1": password, "password2": password}
    answer = add(operator, "user", email="New@Example.com", name="New", **fields)
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password(password)
    with platform_scope("test"):
        assert "canary" not in str(list(AuditEntry.objects.values()))
    assert operator.post(f"/admin/accounts/user/{user.pk}/delete/").status_code == 403
    again = add(operator, "user", email="NEW@example.com", **fields)
    assert "already exists" in again.text


def test_tenants_are_suspended_not_deleted(operator: Client, cast: Cast) -> None:
    address = f"/admin/accounts/tenant/{cast.acme.tenant.pk}"
    fields = {"name": "Acme", "slug": "acme", "state": "suspended"}
    assert operator.post(f"{address}/change/", fields).status_code == 302
    assert Tenant.objects.get(slug="acme").state == Tenant.State.SUSPENDED
    assert operator.post(f"{address}/delete/").status_code == 403
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="tenant.changed")
    assert entry.tenant_id == cast.acme.tenant.pk
    assert entry.actor == f"user:{cast.operator.pk}"
    assert (entry.before, entry.after) == ({"state": "active"}, {"state": "suspended"})


def test_memberships(operator: Client, cast: Cast) -> None:
    fields = {"tenant": str(cast.acme.tenant.pk), "user": str(cast.stranger.pk)}
    answer = add(operator, "membership", role="reviewer", state="active", **fields)
    assert answer.status_code == 302
    with platform_scope("test"):
        membership = Membership.objects.get(user=cast.stranger)
    operator.post(f"/admin/accounts/membership/{membership.pk}/delete/", {"post": "yes"})
    with platform_scope("test"):
        membership = Membership.objects.get(user=cast.acme.member)
    answer = act(operator, "membership", "delete_selected", membership)
    operator.post(
        "/admin/accounts/membership/",
        {"action": "delete_selected", "_selected_action": str(membership.pk), "post": "yes"},
    )
    with platform_scope("test"):
        assert not Membership.objects.filter(user__in=[cast.stranger, cast.acme.member]).exists()
    assert audited()[-3:] == ["membership.created", "membership.deleted", "membership.deleted"]


def test_the_audit_table_is_only_read(operator: Client, cast: Cast) -> None:
    with platform_scope("test"):
        entry = AuditEntry.objects.first()
        keys = ApiKey.objects.count()
    assert entry is not None
    assert keys
    address = f"/admin/accounts/auditentry/{entry.pk}"
    assert operator.post(f"{address}/change/", {"action": "x"}).status_code == 403
    assert operator.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
