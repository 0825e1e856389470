import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import AuditEntry, Tenant
from accounts.tenancy import platform_scope
from tests.accounts.admin.desk import act, audited
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_open, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(cast: Cast) -> Client:
    return signed_in(cast.operator)


def test_suspending_tells_its_effect_first(cast: Cast, operator: Client) -> None:
    agent = make_agent(cast.acme.tenant)
    make_open(agent, cast.acme.member, ago(seconds=0))
    make_open(agent, cast.acme.member, ago(seconds=0))
    asked = act(operator, "tenant", "suspend", cast.acme.tenant, yes=False)
    assert "Acme: ends 2 live conversations." in asked.text
    assert Tenant.objects.get(slug="acme").is_active
    assert "Acme: suspended." in act(operator, "tenant", "suspend", cast.acme.tenant).text
    assert not Tenant.objects.get(slug="acme").is_active
    assert Tenant.objects.get(slug="globex").is_active
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="tenant.suspended")
    assert (entry.tenant_id, entry.actor) == (cast.acme.tenant.pk, f"user:{cast.operator.pk}")
    assert (entry.before, entry.after) == ({"state": "active"}, {"state": "suspended"})
    assert signed_in(cast.acme.owner).get("/admin/").status_code == 403


def test_resuming(cast: Cast, operator: Client) -> None:
    act(operator, "tenant", "suspend", cast.acme.tenant)
    act(operator, "tenant", "resume", cast.acme.tenant)
    assert Tenant.objects.get(slug="acme").is_active
    assert audited()[-2:] == ["tenant.suspended", "tenant.resumed"]
    asked = act(operator, "tenant", "resume", cast.acme.tenant, yes=False)
    assert "it is so already" in asked.text


def test_the_state_is_no_field(cast: Cast, operator: Client) -> None:
    address = f"/admin/accounts/tenant/{cast.acme.tenant.pk}"
    fields = {"name": "Acme Shoes", "slug": "acme", "state": "suspended"}
    assert operator.post(f"{address}/change/", fields).status_code == 302
    tenant = Tenant.objects.get(slug="acme")
    assert (tenant.name, tenant.is_active) == ("Acme Shoes", True)
    assert operator.post(f"{address}/delete/").status_code == 403


def test_an_operator_adds_one(operator: Client) -> None:
    fields = {"name": "Initech", "slug": "initech"}
    assert operator.post("/admin/accounts/tenant/add/", fields).status_code == 302
    assert Tenant.objects.get(slug="initech").is_active
    assert audited()[-1] == "tenant.created"


def test_its_first_owner_is_invited(cast: Cast, operator: Client, client: Client) -> None:
    fields = {"name": "Initech", "slug": "initech", "owner_email": "Bill@initech.example"}
    made = operator.post("/admin/accounts/tenant/add/", fields)
    link = re.search(r"http\S+/invitation/\?key=[0-9a-f]{64}", made.text)
    assert link is not None
    assert made.headers["Cache-Control"].startswith("max-age=0")
    assert audited()[-2:] == ["tenant.created", "invitation.created"]
    assert "bill@initech.example" in client.get(link[0], follow=True).text
    form = operator.get(f"/admin/accounts/tenant/{cast.acme.tenant.pk}/change/").text
    assert 'name="owner_email"' not in form


def test_where_there_is_mail_the_owner_gets_the_link(operator: Client, settings: Any) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    fields = {"name": "Initech", "slug": "initech", "owner_email": "bill@initech.example"}
    made = operator.post("/admin/accounts/tenant/add/", fields, follow=True)
    assert "/invitation/" not in made.text
    assert [each.to for each in mail.outbox] == [["bill@initech.example"]]


def test_its_own_people_name_theirs_and_nothing_else(cast: Cast) -> None:
    owner = signed_in(cast.acme.owner)
    address = f"/admin/accounts/tenant/{cast.acme.tenant.pk}/change/"
    fields = {"name": "Acme Shoes", "slug": "taken", "state": "suspended"}
    assert owner.post(address, fields).status_code == 302
    tenant = Tenant.objects.get(pk=cast.acme.tenant.pk)
    assert (tenant.name, tenant.slug, tenant.state) == ("Acme Shoes", "acme", "active")
    assert owner.get("/admin/accounts/tenant/add/").status_code == 403
    act(owner, "tenant", "suspend", cast.acme.tenant)
    assert Tenant.objects.get(pk=cast.acme.tenant.pk).is_active
