"""Lists that stay short of work at any size, and the rules that all of them share."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.admin.base import audited
from accounts.audit import record
from accounts.models import ApiKey, AuditEntry, Credential, Membership, Tenant, User
from accounts.roles import Role
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation
from tests.accounts.admin.desk import act
from tests.cast import Cast, Company
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db
MANY = 130  # more than two pages
MOST_QUERIES = 30
LISTS = (
    "accounts/apikey",
    "accounts/auditentry",
    "accounts/credential",
    "accounts/membership",
    "accounts/tenant",
    "accounts/user",
    "conversations/agent",
    "conversations/conversation",
)


def fill(company: Company, many: int) -> None:
    """`many` rows of everything."""
    tenant = company.tenant
    with platform_scope("test"):
        agent = make_agent(tenant)
        people = User.objects.bulk_create(User(email=f"p{n}@many.example") for n in range(many))
        Tenant.objects.bulk_create(Tenant(slug=f"t{n}", name=f"T{n}") for n in range(many))
        Membership.objects.bulk_create(
            Membership(tenant=tenant, user=user, role=Role.MEMBER) for user in people
        )
        Agent.objects.bulk_create(
            Agent(tenant=tenant, slug=f"a{n}", name=f"A{n}") for n in range(many)
        )
        ApiKey.objects.bulk_create(
            ApiKey(tenant=tenant, name=f"k{n}", prefix=f"{n:012x}", created_by=company.owner)
            for n in range(many)
        )
        Credential.objects.bulk_create(
            Credential(tenant=tenant, name=f"c{n}", kind="api_key", endpoint="developer")
            for n in range(many)
        )
        Conversation.objects.bulk_create(
            Conversation(tenant=tenant, agent=agent, user=company.member) for _ in range(many)
        )
        for number in range(many):
            record("test.done", tenant, actor=f"user:{people[number].pk}")


def queries(client: Client, address: str, data: Any = None) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address, data).status_code == 200
    return [each["sql"] for each in captured]


def test_lists_take_few_queries_and_count_nothing(cast: Cast) -> None:
    clients = [signed_in(user) for user in (cast.operator, cast.acme.owner)]
    before = {name: len(queries(clients[0], f"/admin/{name}/")) for name in LISTS}
    fill(cast.acme, MANY)
    for client in clients:
        for name in LISTS:
            if client is clients[1] and name == "accounts/user":
                continue
            for data in ({}, {"q": "e"}, {"p": "1"}):
                found = queries(client, f"/admin/{name}/", data)
                assert len(found) <= MOST_QUERIES, name
                assert [sql for sql in found if "COUNT(" in sql.upper()] == [], name
    for name in LISTS:  # as many as with few rows
        assert len(queries(clients[0], f"/admin/{name}/")) <= before[name] + 1, name


def test_pages_follow_each_other(cast: Cast) -> None:
    fill(cast.acme, MANY)
    owner = signed_in(cast.acme.owner)
    address = "/admin/conversations/conversation/"
    first = owner.get(address).text
    assert 'rel="next"' in first
    assert 'rel="prev"' not in first
    last = owner.get(address, {"p": "3"}).text
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last
    for wrong in ("9", "0", "-1", "99999"):
        assert owner.get(address, {"p": wrong}).status_code == 302


def test_rows_are_not_chosen_across_pages(cast: Cast) -> None:
    fields = {"action": "revoke", "index": "0", "select_across": "1", "confirmed": "yes"}
    with platform_scope("test"):
        key = ApiKey.objects.get(tenant=cast.acme.tenant)
    owner = signed_in(cast.acme.owner)
    answer = owner.post("/admin/accounts/apikey/", {**fields, "_selected_action": str(key.pk)})
    assert answer.status_code == 403
    answer = owner.post("/admin/accounts/apikey/", {**fields, "_selected_action": "not-an-id"})
    assert answer.status_code == 404


def test_an_action_asks_first(cast: Cast) -> None:
    with platform_scope("test"):
        key = ApiKey.objects.get(tenant=cast.acme.tenant)
    asked = act(signed_in(cast.acme.owner), "apikey", "revoke", key, yes=False)
    assert 'name="confirmed" value="yes"' in asked.text
    assert str(key) in asked.text


def test_what_an_audit_entry_holds(cast: Cast) -> None:
    assert audited(cast.acme.tenant) == str(cast.acme.tenant.pk)
    assert [audited(each) for each in ("a", True, 3, None, ["b"])] == ["a", True, 3, None, ["b"]]
    assert audited(cast.acme.tenant.created_at) == str(cast.acme.tenant.created_at)


def test_djangos_own_log_stays_empty(cast: Cast) -> None:
    from django.contrib.admin.models import LogEntry  # noqa: PLC0415 - of this test alone

    owner = signed_in(cast.acme.owner)
    fields = {"name": "Guide", "slug": "guide", "model": "m", "voice": "Kore", "modality": "AUDIO"}
    fields["recording"] = "off"
    assert owner.post("/admin/conversations/agent/add/", fields).status_code == 302
    assert not LogEntry.objects.exists()
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="agent.created").count() == 1


def test_a_rule_of_the_tenant_is_checked_before_the_database_does(cast: Cast) -> None:
    make_agent(cast.acme.tenant, "guide")
    make_agent(cast.globex.tenant, "other")
    owner = signed_in(cast.acme.owner)
    fields = {"name": "Guide", "model": "m", "voice": "Kore", "modality": "AUDIO"}
    fields["recording"] = "off"
    answer = owner.post("/admin/conversations/agent/add/", {**fields, "slug": "guide"})
    assert answer.status_code == 200
    assert "already exists" in answer.text
    answer = owner.post("/admin/conversations/agent/add/", {**fields, "slug": "other"})
    assert answer.status_code == 302
