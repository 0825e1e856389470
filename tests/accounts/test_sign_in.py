from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from accounts.keyset import Unsealable
from accounts.models import User
from accounts.sign_in import (
    SIGN_ON,
    MfaAdapter,
    client_address,
    forget_other_addresses,
    has_second_factor,
    password_link,
    signed_on_at,
    way_in,
    with_second_factor,
)
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
NEW_PASSWORD = "a quiet room with a view"


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours: it may say anything
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "192.0.2.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "", "0.0.0.0"),  # noqa: S104 - a unix socket has no address
    ],
)
def test_whose_address_counts(settings: Settings, peer: str, header: str, address: str) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1", "10.0.0.2"]
    request = RequestFactory().get("/", headers={"X-Forwarded-For": header}, REMOTE_ADDR=peer)
    assert client_address(request) == address


def test_secrets_of_second_factors_are_sealed(cast: Cast, keyset_file: object) -> None:
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(cast.acme.member)
    stored = {row.type: row.data for row in Authenticator.objects.all()}
    assert "JBSWY3DPEHPK3PXP" not in str(stored)
    assert MfaAdapter().decrypt(stored["totp"]["secret"]) == "JBSWY3DPEHPK3PXP"
    with pytest.raises(Unsealable):
        MfaAdapter().decrypt(stored["totp"]["secret"][:-8] + "AAAAAAA=")


def test_who_has_a_second_factor(cast: Cast, keyset_file: object) -> None:
    member, admin_ = cast.acme.member, cast.acme.admin
    RecoveryCodes.activate(member)
    assert not has_second_factor(member)  # they only stand in for one
    TOTP.activate(member, "JBSWY3DPEHPK3PXP")
    assert has_second_factor(member)
    assert with_second_factor([member.pk, admin_.pk, None]) == {member.pk}


def test_an_address_that_was_replaced_opens_nothing(cast: Cast) -> None:
    member = cast.acme.member
    for email in (member.email, "old@example.com"):
        EmailAddress.objects.create(user=member, email=email)
    forget_other_addresses(member)
    assert [row.email for row in EmailAddress.objects.all()] == [member.email]
    member.email = "new@acme.example"
    member.save()
    assert not EmailAddress.objects.exists()


def test_the_admin_lists_nobodys_sign_ins() -> None:
    for model in (EmailAddress, Authenticator, UserSession):
        assert not admin.site.is_registered(model)


def test_a_password_link_works_once(client: Client, cast: Cast, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://parley.example"
    link = urlsplit(password_link(cast.acme.member))
    assert (link.netloc, link.path) == ("parley.example", "/password/link/")
    token = parse_qs(link.query)["key"][0].partition("-")[2]
    address = f"{link.path}?{link.query}"
    form = client.get(address)
    assert token not in form["Location"]
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.get(form["Location"]).status_code == 200
    assert client.post(form["Location"], fields)["Location"] == "/password/done/"
    cast.acme.member.refresh_from_db()
    assert cast.acme.member.check_password(NEW_PASSWORD)
    assert "does not work any more" in client.get(address, follow=True).text


@pytest.mark.parametrize("key", ["", "x", "-", "0-none", "../x-y"])
def test_other_links_lead_nowhere(client: Client, key: str) -> None:
    answer = client.get("/password/link/", {"key": key}, follow=True)
    assert answer.status_code == 404 or "does not work any more" in answer.text


def test_nobody_signs_up(client: Client) -> None:
    for answer in (client.get("/signup/"), client.post("/signup/", {"email": "a@b.example"})):
        assert "Accounts come by invitation" in answer.text


def test_the_way_in_is_the_last_proof_before_the_second_factor(rf: RequestFactory) -> None:
    user, tenant = User.objects.create_user("a@b.example"), uuid4()
    request = rf.get("/")
    request.session = SessionStore()
    assert way_in(request, user) is None
    record_authentication(request, user, method=SIGN_ON, tenant=str(tenant))
    record_authentication(request, user, method="mfa", type="totp")
    assert way_in(request, user) == tenant
    record_authentication(request, user, method="password")  # who began anew
    assert way_in(request, user) is None
    record_authentication(request, user, method=SIGN_ON, tenant=str(tenant))
    record_authentication(request, user, method="mfa", type="webauthn", passwordless=True)
    assert way_in(request, user) is None
    assert signed_on_at({}) is None
    assert signed_on_at({"signed_on_at": str(tenant)}) == tenant


def test_passkeys_have_plain_names(cast: Cast) -> None:
    kind = Authenticator.Type.WEBAUTHN
    assert MfaAdapter().generate_authenticator_name(cast.acme.member, kind) == "Passkey"
    Authenticator.objects.create(user=cast.acme.member, type=kind, data={})
    assert MfaAdapter().generate_authenticator_name(cast.acme.member, kind) == "Passkey 2"
