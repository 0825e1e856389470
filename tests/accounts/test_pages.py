import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client
from django.urls import include, path
from pytest_django.fixtures import Settings

from accounts.callers import ACTIVE_TENANT
from accounts.credentials import set_secret
from accounts.models import AuditEntry, Credential, Membership
from accounts.tenancy import platform_scope, tenant_scope
from config.apps import discover_admin
from tests.cast import PASSWORD, Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

# Stands in for any page: what templates get from the context processor.
PAGE = Template(
    "{{ caller.role }}|{{ tenant.name }}|"
    "{% for one in memberships %}{{ one.tenant.name }} {% endfor %}|"
    "{{ may_review|yesno:'reviews,' }}|{{ simulated|yesno }}"
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE.render(RequestContext(request)))


discover_admin()
urlpatterns = [
    path("page/", page, name="lobby"),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),  # what the menu links to
]
own_urls = pytest.mark.urls(__name__)


@pytest.fixture
def password(cast: Cast, settings: Settings) -> str:
    """The password of Acme's owner, hashed in a way that takes no third of a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cast.acme.owner.set_password(PASSWORD)
    cast.acme.owner.save()
    return PASSWORD


def log_in(client: Client, **fields: str) -> Any:
    return client.post("/login/", fields)


def test_the_log_in_page(client: Client) -> None:
    answer = client.get("/login/?next=/history/")
    assert answer.status_code == 200
    assert 'name="next" value="/history/"' in answer.text
    assert "csrfmiddlewaretoken" in answer.text


@own_urls
def test_logging_in(client: Client, password: str) -> None:
    answer = log_in(client, login="Owner@ACME.example", password=password)
    assert (answer.status_code, answer["Location"]) == (302, "/page/")
    assert client.get("/page/").text.startswith("owner|Acme|")


@own_urls
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_logging_in_leads_nowhere_else(
    client: Client, cast: Cast, password: str, target: str
) -> None:
    answer = log_in(client, login="owner@acme.example", password=password, next=target)
    assert answer["Location"] == "/page/"
    answer = client.post("/tenant/", {"tenant": str(cast.acme.tenant.pk), "next": target})
    assert answer["Location"] == "/page/"


def test_a_wrong_log_in_is_told_and_gives_nothing_away(client: Client, password: str) -> None:
    wrong = log_in(client, login="owner@acme.example", password="canary-password")
    unknown = log_in(client, login="nobody@acme.example", password="canary-password")
    for answer in (wrong, unknown):
        assert answer.status_code == 200
        assert "do not go together" in answer.text
        assert "canary-password" not in answer.text
    assert "owner@acme.example" in wrong.text


@own_urls
def test_what_templates_get(client: Client, cast: Cast) -> None:
    assert client.get("/page/").text == "||||no"
    client.force_login(cast.stranger)
    assert client.get("/page/").text == "||||no"
    client.force_login(cast.acme.member)
    assert client.get("/page/").text == "member|Acme|Acme ||no"


@own_urls
def test_simulated_answers_are_said_to_be(client: Client, cast: Cast, keyset_file: object) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        credential = Credential(
            tenant=cast.acme.tenant,
            kind="api_key",
            endpoint="developer",
            base_url="http://127.0.0.1:9",
            is_primary=True,
        )
        set_secret(credential, "a-key-of-the-simulator")
        credential.save()
    for user, simulated in ((cast.acme.member, "yes"), (cast.globex.member, "no")):
        client.force_login(user)
        assert client.get("/page/").text.rsplit("|", 1)[1] == simulated


@own_urls
def test_switching_the_tenant(client: Client, cast: Cast) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        Membership.objects.create(user=cast.acme.owner, role="reviewer")
    client.force_login(cast.acme.owner)
    chosen = str(cast.globex.tenant.pk)
    answer = client.post("/tenant/", {"tenant": chosen, "next": "/page/?x=1"})
    assert (answer.status_code, answer["Location"]) == (302, "/page/?x=1")
    assert client.session[ACTIVE_TENANT] == chosen
    assert client.get("/page/").text == "reviewer|Globex|Acme Globex |reviews|no"


@own_urls
@pytest.mark.parametrize("choice", ["", "nonsense", "01a20000-0000-7000-8000-000000000000"])
def test_no_other_tenant_can_be_chosen(client: Client, cast: Cast, choice: str) -> None:
    client.force_login(cast.acme.owner)
    for tenant in (choice, str(cast.globex.tenant.pk)):
        assert client.post("/tenant/", {"tenant": tenant}).status_code == 404
    assert ACTIVE_TENANT not in client.session


@own_urls
def test_switching_needs_a_log_in_and_a_post(client: Client, cast: Cast) -> None:
    assert client.post("/tenant/", {"tenant": str(cast.acme.tenant.pk)}).status_code == 302
    client.force_login(cast.acme.owner)
    assert client.get("/tenant/").status_code == 405


def signed_in(email: str) -> Client:
    """Through the page, as a session that is listed comes about."""
    client = Client()
    assert log_in(client, login=email, password=PASSWORD).status_code == 302
    return client


def test_guessing_is_slowed_down(client: Client, cast: Cast) -> None:
    fields = {"login": "owner@acme.example", "password": "a wrong one"}
    for _ in range(5):
        assert "do not go together" in client.post("/login/", fields).text
    stopped = client.post("/login/", {**fields, "password": PASSWORD})
    assert "Too many failed attempts" in stopped.text
    other = client.post("/login/", {"login": "member@acme.example", "password": PASSWORD})
    assert other.status_code == 302


def test_a_storm_from_one_address_is_refused(client: Client, cast: Cast) -> None:
    answers = [
        client.post("/login/", {"login": f"{n}@acme.example", "password": "x"}) for n in range(11)
    ]
    assert "Too many failed attempts" in answers[-1].text
    storm = [client.post("/password/", {"email": f"{n}@acme.example"}) for n in range(21)]
    assert storm[0].status_code == 302
    assert storm[-1].status_code == 429
    assert "Wait a minute" in storm[-1].text


def test_a_closed_account_is_told(client: Client, cast: Cast) -> None:
    cast.acme.member.is_active = False
    cast.acme.member.save()
    answer = client.post("/login/", {"login": "member@acme.example", "password": PASSWORD})
    assert answer["Location"] == "/login/closed/"
    assert "This account is closed" in client.get("/login/closed/").text


def test_logging_out(client: Client, cast: Cast) -> None:
    person = signed_in("member@acme.example")
    assert person.get("/logout/").status_code == 405
    assert person.post("/logout/")["Location"] == "/login/"
    assert person.get("/account/").status_code == 302


def test_ones_own_account(cast: Cast, keyset_file: object) -> None:
    person = signed_in("member@acme.example")
    page = person.get("/account/").text
    assert "Logged in on 1 browser." in page
    assert "Whoever learns your password" in page
    assert "password-link" not in page
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    assert "Authenticator app" in person.get("/account/").text


def test_ending_another_browser(cast: Cast) -> None:
    here, there, stranger = (
        signed_in(f"{name}@acme.example") for name in ("member", "member", "owner")
    )
    rows = UserSession.objects.filter(user=cast.acme.member).order_by("pk")
    address = f"/account/sessions/{rows[1].pk}/end/"
    assert stranger.post(address).status_code == 404
    assert there.get("/account/").status_code == 200
    assert here.post(address)["Location"] == "/account/sessions/"
    assert there.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200
    assert here.post(address).status_code == 404


def test_without_a_mail_server_the_page_says_whom_to_ask(client: Client) -> None:
    page = client.get("/password/").text
    assert "Ask the operator" in page
    assert 'name="email"' not in page


def test_with_one_a_link_is_sent(client: Client, cast: Cast, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    settings.PUBLIC_URL = "https://parley.example"
    assert 'name="email"' in client.get("/password/").text
    for email in ("member@acme.example", "nobody@acme.example"):
        answer = client.post("/password/", {"email": email})
        assert answer["Location"] == "/password/sent/"
    known, unknown = mail.outbox
    assert "https://parley.example/password/link/?key=" in known.body
    assert known.subject == "Parley: Choose a new password"
    assert "has no account here" in unknown.body
    assert "key=" not in unknown.body


def test_an_operator_makes_a_link(client: Client, cast: Cast) -> None:
    client.force_login(cast.operator)
    page = client.post("/account/password-link/", {"email": "nobody@acme.example"}).text
    assert "no open account" in page
    page = client.post("/account/password-link/", {"email": "Member@acme.example"}).text
    assert "http://localhost:8000/password/link/?key=" in page
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="user.password-link-made")
    assert entry.object_id == str(cast.acme.member.pk)
    assert "key=" not in client.get("/account/password-link/").text


@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_nobody_else_makes_one(client: Client, cast: Cast, role: str) -> None:
    client.force_login(getattr(cast.acme, role))
    for answer in (
        client.get("/account/password-link/"),
        client.post("/account/password-link/", {"email": "owner@globex.example"}),
    ):
        assert answer.status_code == 404


OWN_PAGES = ("", "password/", "sessions/", "second-factor/", "second-factor/app/", "passkeys/add/")


@pytest.mark.parametrize("page", OWN_PAGES)
def test_every_page_is_in_our_look(client: Client, cast: Cast, page: str) -> None:
    person = signed_in("member@acme.example")
    answer = person.get(f"/account/{page}")
    assert answer.status_code == 200
    assert "css/tokens.css" in answer.text
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]


def test_an_authenticator_app_is_asked_for_from_then_on(cast: Cast, keyset_file: object) -> None:
    person = signed_in("member@acme.example")
    page = person.get("/account/second-factor/app/").text
    found = re.search(r'data-testid="totp-key">(\w+)<', page)
    assert found is not None
    wrong = person.post("/account/second-factor/app/", {"code": "000000"})
    assert "This code is not right" in wrong.text
    answer = person.post("/account/second-factor/app/", {"code": code_of(found[1])}, follow=True)
    codes = re.findall(r"<li><code>(\w+)</code>", answer.text)
    assert len(codes) == 10
    again = Client()
    fields = {"login": "member@acme.example", "password": PASSWORD, "next": "/account/"}
    answer = again.post("/login/", fields, follow=True)
    assert "One more step" in answer.text
    assert again.get("/account/").status_code == 302
    answer = again.post("/login/second-factor/", {"code": codes[0]})
    assert answer["Location"] == "/account/"
    assert again.get("/account/").status_code == 200


def code_of(secret: str) -> str:
    counter = next(yield_hotp_counters_from_time())
    code: str = format_hotp_value(hotp_value(secret, counter))
    return code


def test_an_old_log_in_is_asked_again(client: Client, cast: Cast, settings: Settings) -> None:
    person = signed_in("member@acme.example")
    assert person.get("/account/passkeys/add/").status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = person.get("/account/passkeys/add/")
    assert answer["Location"] == "/account/confirm/?next=%2Faccount%2Fpasskeys%2Fadd%2F"
    assert "Confirm that it is you" in person.get(answer["Location"]).text
