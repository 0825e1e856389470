import logging
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.invitations import invite
from accounts.models import (
    AuditEntry,
    IdentityProvider,
    Membership,
    ProviderIdentity,
    Tenant,
    User,
)
from accounts.roles import Role
from accounts.single_sign_on import domains
from accounts.tenancy import platform_scope
from tests.accounts.single_sign_on.conftest import at_provider, chosen, go, onward, use
from tests.accounts.single_sign_on.provider import CLIENT_SECRET, Provider
from tests.cast import PASSWORD, Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "active")]
MEMBER = "member@acme.example"


def entries(action: str) -> list[AuditEntry]:
    with platform_scope("test"):
        return list(AuditEntry.objects.filter(action=action).order_by("id"))


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def refused(client: Client, code: str, **fields: str) -> str:
    """The text of the refusal; whoever is refused is not in."""
    page = go(client, **fields)
    assert page.status_code == 403
    assert f'data-code="{code}"' in page.text
    assert not is_in(client)
    assert entries("user.sign-in-refused")[-1].after == {"by": "single-sign-on", "reason": code}
    text: str = page.text
    return text


def test_the_whole_way(client: Client, cast: Cast, idp: Provider) -> None:
    page = client.post("/login/", {"login": MEMBER.upper(), "next": "/history/"})
    address = onward(page)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) > 30 < len(asked["nonce"])
    assert asked["login_hint"] == MEMBER
    assert asked["redirect_uri"].endswith(f"/login/single-sign-on/{cast.acme.tenant.pk}/")
    back = at_provider(address)
    assert client.get(back)["Location"] == "/history/"
    assert client.get("/history/").status_code == 200
    assert idp.exchanged[0]["code_verifier"] not in address
    row = UserSession.objects.get()
    assert row.data == {"signed_on_at": str(cast.acme.tenant.pk)}
    assert "by single sign-on" in client.get("/account/sessions/").text
    (entry,) = entries("user.signed-in")
    assert (entry.tenant_id, entry.after) == (cast.acme.tenant.pk, {"by": "single-sign-on"})
    assert client.get(back).status_code == 400  # once


def test_the_address_is_asked_first_and_tells_the_domain_alone(client: Client) -> None:
    first = client.get("/login/")
    assert "Continue" in first.text
    assert 'type="password"' not in first.text
    known, unknown = (
        client.post("/login/", {"login": f"{name}@globex.example"}).text
        for name in ("member", "nobody")
    )
    assert 'type="password"' in known
    strip = known.replace("member@globex", "x"), unknown.replace("nobody@globex", "x")
    assert len(strip[0]) == len(strip[1])
    assert onward(client.post("/login/", {"login": "nobody@acme.example"}))
    way_out = client.post("/login/", {"login": MEMBER, "with": "password"})
    assert f'value="{MEMBER}"' in way_out.text
    client.post("/login/", {"login": MEMBER, "password": PASSWORD})
    assert is_in(client)


def test_without_any_provider_both_are_asked_at_once(client: Client, cast: Cast) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state="suspended")
    assert 'type="password"' in client.get("/login/").text


def test_a_suspended_tenant_signs_nobody_in(client: Client, cast: Cast) -> None:
    back = at_provider(onward(client.post("/login/", {"login": MEMBER})))
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state="suspended")
    assert client.get(back).status_code == 403
    assert not is_in(client)
    assert 'type="password"' in client.post("/login/", {"login": MEMBER}).text


def test_the_session_counts_in_its_tenant_alone(client: Client, cast: Cast) -> None:
    with platform_scope("test"):
        Membership.objects.create(user=cast.acme.member, tenant=cast.globex.tenant, role="owner")
    go(client)
    answer = client.post("/tenant/", {"tenant": str(cast.globex.tenant.pk)})
    assert answer.status_code == 404
    assert "Globex" not in client.get("/").text
    session = client.session
    session["active_tenant"] = str(cast.globex.tenant.pk)
    session.save()
    assert client.get("/members/").status_code == 403  # a member of Acme, still
    client.post("/logout/")
    client.post("/login/", {"login": MEMBER, "password": PASSWORD})
    assert client.post("/tenant/", {"tenant": str(cast.globex.tenant.pk)}).status_code == 302


def test_it_changes_nothing_that_opens_the_account_elsewhere(client: Client) -> None:
    go(client)
    for path in (
        "password/",
        "password/first/",
        "confirm/",
        "second-factor/",
        "second-factor/app/",
        "second-factor/codes/new/",
        "passkeys/add/",
    ):
        for answer in (client.get(f"/account/{path}"), client.post(f"/account/{path}")):
            assert answer.status_code == 403
            assert "Only with your password" in answer.text


def test_an_operator_does_not_come_this_way(client: Client, cast: Cast, idp: Provider) -> None:
    User.objects.filter(pk=cast.acme.member.pk).update(is_staff=True, is_superuser=True)
    refused(client, "operator")


def test_who_is_made_an_operator_meanwhile_runs_no_platform(client: Client, cast: Cast) -> None:
    go(client)
    User.objects.filter(pk=cast.acme.member.pk).update(is_staff=True, is_superuser=True)
    assert "Acme" not in client.get("/admin/accounts/tenant/").text
    assert client.get("/account/password-link/").status_code == 404


def test_who_is_refused(client: Client, idp: Provider) -> None:
    good = idp.claims
    for change, code in (
        ({"email_verified": False}, "email-unverified"),
        ({"email_verified": None}, "email-unverified"),
        ({"email": None}, "email-missing"),
        ({"email": "member@globex.example"}, "domain-not-allowed"),
        ({"email": "nobody@acme.example"}, "not-invited"),
    ):
        idp.claims = {**good, **change}
        refused(client, code)
    idp.claims, idp.token_claims = good, {"nonce": "another"}
    assert "nonce" in refused(client, "token-wrong")


def test_a_disabled_member_stays_out(client: Client, cast: Cast) -> None:
    with platform_scope("test"):
        Membership.objects.filter(user=cast.acme.member).update(state="disabled")
    refused(client, "member-disabled")


def test_newcomers(client: Client, cast: Cast, idp: Provider) -> None:
    new = "new@acme.example"
    idp.person(new, name="Nora Lind")
    refused(client, "not-invited")
    use(cast.acme, chosen(idp, admits_newcomers=True, newcomer_role="reviewer"))
    go(client, new)
    user = User.objects.get(email=new)
    assert (user.name, user.has_usable_password()) == ("Nora Lind", False)
    assert client.get("/review/").status_code == 200


def test_an_invited_person_joins(client: Client, cast: Cast, idp: Provider) -> None:
    idp.person("new@acme.example")
    invite(cast.acme.tenant, "new@acme.example", Role.DEVELOPER, actor="system")
    go(client, "new@acme.example")
    with platform_scope("test"):
        assert Membership.objects.get(user__email="new@acme.example").role == "developer"


def test_another_tenants_people_are_safe(client: Client, cast: Cast, idp: Provider) -> None:
    """Globex names Acme's domain as its own, and a provider that says whatever it likes."""
    use(cast.globex, chosen(idp, domains=("acme.example", "gmail.com"), admits_newcomers=True))
    page = client.post("/login/", {"login": MEMBER})
    assert str(cast.acme.tenant.pk) in onward(page)
    back = at_provider(onward(page)).replace(str(cast.acme.tenant.pk), str(cast.globex.tenant.pk))
    assert client.get(back).status_code == 400
    gmail = client.post("/login/", {"login": "somebody@gmail.com"})
    assert 'type="password"' in gmail.text
    with platform_scope("test"):
        assert not Membership.objects.filter(tenant=cast.globex.tenant, user=cast.acme.member)
        assert not ProviderIdentity.objects.exists()


def test_an_answer_counts_in_the_browser_that_began(client: Client, idp: Provider) -> None:
    page = client.post("/login/", {"login": MEMBER})
    back = at_provider(onward(page))
    other = Client()
    assert other.get(back).status_code == 400
    assert not is_in(other)
    nowhere = f"/login/single-sign-on/{uuid4()}/"
    for query in ("", "?state=x&code=y", "?state=%C3%BC"):
        assert client.get(nowhere + query).status_code == 400
    assert client.get(back).status_code == 302


def test_settings_that_ended_meanwhile(client: Client, cast: Cast, idp: Provider) -> None:
    back = at_provider(onward(client.post("/login/", {"login": MEMBER})))
    with platform_scope("test"):
        IdentityProvider.objects.all().delete()
    assert client.get(back).status_code == 403
    assert not is_in(client)


def test_a_domain_that_is_withdrawn(client: Client) -> None:
    back = at_provider(onward(client.post("/login/", {"login": MEMBER})))
    call_command("email_domain", "withdraw", "acme.example")
    assert 'data-code="domain-not-approved"' in client.get(back).text
    assert 'type="password"' in client.post("/login/", {"login": MEMBER}).text


def test_required_of_all_but_owners(client: Client, cast: Cast, idp: Provider) -> None:
    use(cast.acme, chosen(idp, is_required=True))
    client.post("/login/", {"login": MEMBER, "password": PASSWORD})
    barred = client.get("/")
    assert barred.status_code == 403
    assert "Use your organisation" in barred.text
    api = client.get("/api/v1/conversations/")
    assert api.json()["code"] == "single-sign-on-required"
    back = at_provider(onward(client.post("/login/single-sign-on/")))
    assert client.get(back)["Location"] == "/"
    assert client.get("/").status_code == 200
    owner = Client()
    owner.post("/login/", {"login": "owner@acme.example", "password": PASSWORD})
    assert owner.get("/").status_code == 200


@pytest.mark.parametrize("trusted", [True, False])
def test_the_providers_second_factor(
    client: Client, cast: Cast, idp: Provider, trusted: bool
) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    use(cast.acme, chosen(idp, is_second_factor=trusted))
    go(client)
    assert client.get("/").status_code == (200 if trusted else 302)
    client.post("/logout/")
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    answer = go(client)
    assert answer["Location"] == ("/" if trusted else "/login/second-factor/")
    assert is_in(client) is trusted


def test_nothing_of_it_is_told(
    client: Client, idp: Provider, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    caplog.set_level(logging.DEBUG)
    idp.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    pages = [client.post("/login/", {"login": MEMBER})]
    pages.append(client.get(at_provider(onward(pages[0]))))
    with platform_scope("test"):
        stored = [str(vars(row)) for row in AuditEntry.objects.all()]
        stored += [str(bytes(row.sealed_secret)) for row in IdentityProvider.objects.all()]
    told = [page.content.decode() for page in pages] + stored + [caplog.text]
    assert idp.exchanged[-1]["client_secret"] == CLIENT_SECRET
    for secret in (CLIENT_SECRET, idp.exchanged[-1]["code_verifier"]):
        assert not [text for text in told if secret in text]


def test_a_provider_that_does_not_answer(client: Client, idp: Provider) -> None:
    idp.raw_document = b"<h1>Down for maintenance</h1>"
    page = client.post("/login/", {"login": MEMBER})
    assert page.status_code == 403
    assert 'data-code="discovery-wrong"' in page.text
    assert domains.domain_of(MEMBER) not in page.text
