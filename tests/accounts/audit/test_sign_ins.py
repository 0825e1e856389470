"""Who comes and goes is recorded, and never what they typed."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.dispatch import Signal
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.models import AuditEntry
from accounts.audit.place import Place, at_place
from accounts.audit.sign_ins import ACTIONS, fingerprint
from accounts.models import Membership, User
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db
HERE = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "Firefox"}


def entries(action: str) -> list[AuditEntry]:
    with platform_scope("test"):
        return list(AuditEntry.objects.filter(action=action).order_by("id"))


def everything() -> str:
    with platform_scope("test"):
        return str(list(AuditEntry.objects.values()))


def refuse(email: str, password: str) -> None:
    with at_place(Place("192.0.2.7", "Firefox", "r1")):
        assert authenticate(None, username=email, email=email, password=password) is None


def test_a_sign_in_and_a_sign_out(client: Client, cast: Cast) -> None:
    user = cast.acme.member
    client.force_login(user)
    assert client.post("/logout/", **HERE).status_code in {200, 302}  # type: ignore[arg-type]
    (came,), (went,) = entries("user.signed-in"), entries("user.signed-out")
    for entry in (came, went):
        assert entry.tenant_id == cast.acme.tenant.pk
        assert (entry.actor, entry.object_type) == (f"user:{user.pk}", "accounts.user")
        assert entry.object_id == str(user.pk)
    assert (went.ip, went.user_agent) == ("192.0.2.7", "Firefox")
    assert went.request_id


def test_without_the_middleware_the_request_tells_the_place(cast: Cast) -> None:
    request = HttpRequest()
    request.META.update(HERE)
    user_logged_in.send(User, request=request, user=cast.acme.member)
    assert entries("user.signed-in")[0].ip == "192.0.2.7"


@pytest.mark.parametrize("signal", ACTIONS)
def test_what_people_change_of_how_they_sign_in(cast: Cast, signal: Signal) -> None:
    user = cast.acme.member
    request = HttpRequest()
    request.META.update(HERE)
    request.session, request.user = SessionStore(), user
    request.session.create()
    with at_place(Place("192.0.2.7", "Firefox", "r1")):
        signal.send(User, request=request, user=user)
    (entry,) = entries(ACTIONS[signal])
    assert (entry.actor, entry.object_id) == (f"user:{user.pk}", str(user.pk))
    assert (entry.ip, entry.after) == ("192.0.2.7", None)


def test_a_second_factor_is_named_by_its_kind(cast: Cast) -> None:
    factor = Authenticator(type=Authenticator.Type.TOTP, data={"secret": "canary"})
    authenticator_added.send(
        Authenticator, request=None, user=cast.acme.member, authenticator=factor
    )
    (entry,) = entries("user.second-factor-added")
    assert entry.after == {"kind": "totp"}
    assert "canary" not in everything()


def test_each_tenant_of_a_person_answers_for_her(cast: Cast) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        Membership.objects.create(user=cast.acme.member)
        disabled = Membership.State.DISABLED
        Membership.objects.create(user=cast.acme.owner, state=disabled)
    for user in (cast.acme.member, cast.acme.owner):
        user_logged_in.send(User, request=None, user=user)
    both = {cast.acme.tenant.pk, cast.globex.tenant.pk}
    found = [(entry.object_id, entry.tenant_id) for entry in entries("user.signed-in")]
    assert set(found[:2]) == {(str(cast.acme.member.pk), tenant_id) for tenant_id in both}
    assert found[2:] == [(str(cast.acme.owner.pk), cast.acme.tenant.pk)]


def test_who_is_in_no_tenant_is_the_platforms(cast: Cast) -> None:
    for user in (cast.operator, cast.stranger):
        user_logged_in.send(User, request=None, user=user)
    assert [entry.tenant_id for entry in entries("user.signed-in")] == [None, None]


def test_nobody_signs_out(cast: Cast) -> None:
    user_logged_out.send(User, request=None, user=None)
    assert entries("user.signed-out") == []


def test_a_refused_sign_in_names_the_account(cast: Cast) -> None:
    user = cast.acme.member
    refuse(user.email.upper(), "wrong-canary")
    (entry,) = entries("user.sign-in-refused")
    assert (entry.tenant_id, entry.object_id) == (cast.acme.tenant.pk, str(user.pk))
    assert (entry.actor, entry.after) == ("anonymous", None)
    assert (entry.ip, entry.request_id) == ("192.0.2.7", "r1")
    assert "canary" not in everything()


def test_a_refused_sign_in_of_nobody_keeps_nothing_that_was_typed(cast: Cast) -> None:
    """Such as the password, in the field for the address."""
    for typed in ("canary-in-the-wrong-field", "canary@example.com", " CANARY@example.com"):
        refuse(typed, "canary")
    one, two, three = entries("user.sign-in-refused")
    assert one.tenant_id is None
    assert one.object_id == ""
    assert one.after == {"unknown_account": fingerprint("canary-in-the-wrong-field")}
    assert one.after != two.after == three.after
    assert "canary" not in everything().lower()


def test_a_refused_sign_in_costs_the_same_for_everybody(cast: Cast) -> None:
    """How long it takes must not tell who has an account."""
    costs = []
    for email in (cast.acme.member.email, "nobody@example.com"):
        with CaptureQueriesContext(connection) as queries:
            user_login_failed.send(User, credentials={"email": email}, request=None)
        costs.append([each["sql"].split()[0] for each in queries])
    assert costs[0] == costs[1]


def test_a_failure_without_an_address(cast: Cast) -> None:
    """As other ways to sign in report it."""
    assert authenticate(None, username=None, password=None) is None
    (entry,) = entries("user.sign-in-refused")
    assert entry.after == {"unknown_account": fingerprint("")}
