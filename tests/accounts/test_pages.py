from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client
from django.urls import include, path
from pytest_django.fixtures import Settings

from accounts.callers import ACTIVE_TENANT
from accounts.credentials import set_secret
from accounts.ids import uuid7
from accounts.models import Credential, Membership
from accounts.tenancy import tenant_scope
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db

# Stands in for any page: what templates get from the context processor.
PAGE = Template(
    "{{ caller.role }}|{{ tenant.name }}|"
    "{% for one in memberships %}{{ one.tenant.name }} {% endfor %}|"
    "{{ may_review|yesno:'reviews,' }}|{{ simulated|yesno }}"
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE.render(RequestContext(request)))


urlpatterns = [
    path("page/", page, name="lobby"),
    path("", include("accounts.urls")),
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
    answer = log_in(client, username="Owner@ACME.example", password=password)
    assert (answer.status_code, answer["Location"]) == (302, "/page/")
    assert client.get("/page/").text.startswith("owner|Acme|")


@own_urls
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_logging_in_leads_nowhere_else(
    client: Client, cast: Cast, password: str, target: str
) -> None:
    answer = log_in(client, username="owner@acme.example", password=password, next=target)
    assert answer["Location"] == "/page/"
    answer = client.post("/tenant/", {"tenant": str(cast.acme.tenant.pk), "next": target})
    assert answer["Location"] == "/page/"


def test_a_wrong_log_in_is_told_and_gives_nothing_away(client: Client, password: str) -> None:
    wrong = log_in(client, username="owner@acme.example", password="canary-password")
    unknown = log_in(client, username="nobody@acme.example", password="canary-password")
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
@pytest.mark.parametrize("choice", ["", "nonsense", str(uuid7())])
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
