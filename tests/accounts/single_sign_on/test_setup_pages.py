import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, IdentityProvider, Tenant
from accounts.single_sign_on import domains
from accounts.tenancy import platform_scope
from tests.accounts.single_sign_on.conftest import at_provider, chosen, onward, use
from tests.accounts.single_sign_on.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "keyset_file")]
SETUP = "/members/single-sign-on/"


@pytest.fixture
def admin(client: Client, cast: Cast) -> Client:
    client.force_login(cast.acme.admin)
    return client


def fields(idp: Provider, **changed: str) -> dict[str, str]:
    return {
        "issuer": idp.url,
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "domains": "acme.example",
        "newcomer_role": "member",
        **changed,
    }


def rows() -> list[IdentityProvider]:
    with platform_scope("test"):
        return list(IdentityProvider.objects.order_by("state"))


def trial(client: Client) -> Any:
    """Test: to the provider, and back in the same browser."""
    page = client.post(f"{SETUP}test/")
    if 'http-equiv="refresh"' not in page.text:
        return page
    return client.get(at_provider(onward(page)))


def come_the_new_way(client: Client) -> str:
    """Where a person who is in with a password gets to by the provider."""
    page = client.post("/login/single-sign-on/")
    return str(client.get(at_provider(onward(page)))["Location"])


def test_from_nothing_to_active(admin: Client, cast: Cast, idp: Provider) -> None:
    page = admin.get(SETUP)
    assert f"/login/single-sign-on/{cast.acme.tenant.pk}/" in page.text
    page = admin.post(SETUP, fields(idp, is_required="on"), follow=True)
    assert "Not active yet" in page.text
    assert "waits for the operator" in page.text
    assert CLIENT_SECRET not in page.text
    idp.person("admin@acme.example")
    assert "has not approved" in trial(admin).text
    domains.approve(cast.acme.tenant, "acme.example", actor="system")
    done = trial(admin)
    assert "It works, and is on" in done.text
    assert [row.state for row in rows()] == ["active"]
    # Her session began with a password; one button leads the new way.
    assert "Use your organisation" in admin.get("/members/").text
    assert come_the_new_way(admin) == "/"
    assert "approved" in admin.get(SETUP).text
    with platform_scope("test"):
        actions = list(
            AuditEntry.objects.filter(action__startswith="single-sign-on").values_list(
                "action", "actor"
            )
        )
    assert {actor for _, actor in actions} == {f"user:{cast.acme.admin.pk}"}
    assert {action for action, _ in actions} == {
        "single-sign-on.changed",
        "single-sign-on.tested",
        "single-sign-on.activated",
        "single-sign-on.linked",
    }


def test_each_fault_of_a_test_is_explained(
    admin: Client, cast: Cast, idp: Provider, approved: str
) -> None:
    admin.post(SETUP, fields(idp))
    idp.person("admin@acme.example")
    good = idp.claims
    faults: list[tuple[dict[str, Any], str]] = [
        ({"raw_document": b"<html>"}, "no discovery document"),
        ({"document": {"issuer": "https://x.example"}}, "to the last slash"),
        ({"declines": "access_denied"}, "was cancelled"),
        ({"foreign_key": True}, "not signed by the provider"),
        ({"claims": {**good, "email": None}}, "does not say which e-mail"),
        ({"claims": {**good, "email_verified": False}}, "is verified"),
        ({"claims": {**good, "email": "admin@other.example"}}, "not among the allowed"),
        ({"claims": {**good, "email": "owner@acme.example"}}, "and are admin@acme.example here"),
    ]
    for change, says in faults:
        for name, value in change.items():
            setattr(idp, name, value)
        page = trial(admin)
        assert says in page.text.replace("&#x27;", "'")
        assert "you are logged in as before" in page.text
        assert says in admin.get(SETUP).text.replace("&#x27;", "'")
        fresh = Provider()
        for name in change:
            setattr(idp, name, good if name == "claims" else getattr(fresh, name))
    assert [row.state for row in rows()] == ["draft"]
    idp.redirect_uris = ["https://elsewhere.example/"]
    page = admin.post(f"{SETUP}test/")
    with pytest.raises(AssertionError, match="not registered"):
        at_provider(onward(page))
    assert "shows an error of its own" in admin.get(SETUP).text
    admin.post(SETUP, fields(idp, secret="wrong"))
    idp.redirect_uris = None
    assert "refuses the client secret" in trial(admin).text


def test_a_test_of_what_was_changed_meanwhile(admin: Client, idp: Provider, approved: str) -> None:
    admin.post(SETUP, fields(idp))
    idp.person("admin@acme.example")
    back = at_provider(onward(admin.post(f"{SETUP}test/")))
    admin.post(SETUP, fields(idp, is_required="on"))
    assert "changed while you were away" in admin.get(back).text
    assert [row.state for row in rows()] == ["draft"]


def test_somebody_elses_test_is_not_concluded(
    admin: Client, cast: Cast, idp: Provider, approved: str
) -> None:
    admin.post(SETUP, fields(idp))
    back = at_provider(onward(admin.post(f"{SETUP}test/")))
    session = admin.session
    kept = session["sign_on_flows"]
    for other in (cast.acme.owner, cast.globex.owner):
        admin.force_login(other)
        session = admin.session
        session["sign_on_flows"] = kept
        session.save()
        assert admin.get(back).status_code == 404
    assert [row.state for row in rows()] == ["draft"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"issuer": "http://idp.example"}, "begin with https"),
        ({"issuer": "https://idp.example/.well-known/openid-configuration"}, "more than the"),
        ({"domains": "acme"}, "is no domain"),
        ({"domains": ""}, "required"),
        ({"newcomer_role": "owner"}, ""),
        ({"secret": ""}, "Enter the client secret"),
    ],
)
def test_what_cannot_be_saved(
    admin: Client, idp: Provider, changed: dict[str, str], says: str
) -> None:
    page = admin.post(SETUP, fields(idp, **changed))
    assert page.status_code == 200
    assert says in page.text
    assert CLIENT_SECRET not in page.text
    assert rows() == []


def test_it_is_turned_off(admin: Client, cast: Cast, idp: Provider, approved: str) -> None:
    use(cast.acme, chosen(idp))
    admin.post(SETUP, fields(idp, secret=""))
    assert [row.state for row in rows()] == ["active", "draft"]
    admin.post(f"{SETUP}discard/")
    assert [row.state for row in rows()] == ["active"]
    assert admin.post(f"{SETUP}forget/")["Location"] == SETUP
    idp.person("admin@acme.example")
    assert come_the_new_way(admin) == "/"
    assert admin.post(f"{SETUP}end/")["Location"] == "/login/"
    assert rows() == []


def test_others_stay_outside(client: Client, cast: Cast, idp: Provider, approved: str) -> None:
    use(cast.acme, chosen(idp))
    acts = ["test/", "discard/", "end/", "forget/"]
    for role in ("developer", "reviewer", "member"):
        client.force_login(getattr(cast.acme, role))
        assert client.get(SETUP).status_code == 403
        assert [client.post(SETUP + act).status_code for act in acts] == [403] * 4
    client.force_login(cast.globex.owner)
    page = client.get(SETUP).text
    assert idp.url not in page
    assert re.search(r"single-sign-on/([0-9a-f-]{36})/", page)[1] == str(cast.globex.tenant.pk)  # type: ignore[index]
    assert client.post(f"{SETUP}test/").status_code == 404
    client.post(f"{SETUP}end/")
    assert [row.state for row in rows()] == ["active"]
    assert Tenant.objects.get(pk=cast.acme.tenant.pk) == cast.acme.tenant
