"""An operator looks into a tenant: with its leave, for a reason, for a while, seen by all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Tenant
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from accounts.visits import LASTS, VisitRefused, begin_visit, end_visit, visit_of
from conversations.models import Conversation
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, signed_in

pytestmark = pytest.mark.django_db
NOW = timezone.now()
REASON = "ticket 4711: no answers since noon"


@pytest.fixture
def tenant(cast: Cast) -> Tenant:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(allows_visits=True)
    return Tenant.objects.get(pk=cast.acme.tenant.pk)


def look_in(operator: Client, tenant: Tenant, role: str = "reviewer") -> str:
    fields = {"role": role, "reason": REASON}
    address = f"/admin/accounts/tenant/{tenant.pk}/visit/"
    return operator.post(address, fields, follow=True).text


def audited(tenant: Tenant) -> list[AuditEntry]:
    with tenant_scope(tenant.pk):
        return list(AuditEntry.objects.filter(action__startswith="visit.").order_by("id"))


def test_a_visit_lasts_its_time(cast: Cast, tenant: Tenant) -> None:
    session: dict[str, object] = {}
    assert visit_of(session, NOW) is None
    visit = begin_visit(session, cast.operator, tenant, Role.REVIEWER, REASON, NOW)
    assert visit_of(session, NOW + LASTS - timedelta(seconds=1)) == visit
    assert visit_of(session, NOW + LASTS) is None
    assert session == {}
    assert not end_visit(session, cast.operator)


@pytest.mark.parametrize("change", [{"allows_visits": False}, {"state": Tenant.State.SUSPENDED}])
def test_a_tenant_that_does_not_allow_it_any_more_is_left(
    cast: Cast, tenant: Tenant, change: dict[str, object]
) -> None:
    session: dict[str, object] = {}
    begin_visit(session, cast.operator, tenant, Role.ADMIN, REASON, NOW)
    Tenant.objects.filter(pk=tenant.pk).update(**change)
    assert visit_of(session, NOW) is None
    with pytest.raises(VisitRefused):
        begin_visit(
            session, cast.operator, Tenant.objects.get(pk=tenant.pk), Role.ADMIN, REASON, NOW
        )


def test_an_operator_sees_what_the_role_sees_and_is_noted(cast: Cast, tenant: Tenant) -> None:
    row = make_conversation(make_agent(tenant), cast.acme.member)
    other = make_conversation(make_agent(cast.globex.tenant), cast.globex.member)
    operator = signed_in(cast.operator)
    assert operator.get(f"/review/{row.pk}/").status_code == 403
    assert "You look into <b>Acme</b> as reviewer" in look_in(operator, tenant)
    page = operator.get(f"/review/{row.pk}/")
    assert "Do you have size 42?" in page.text
    assert REASON in page.text, "the banner stands on the site's pages too"
    assert operator.get(f"/review/{other.pk}/").status_code == 404
    assert operator.get("/admin/accounts/credential/").status_code == 404, "a reviewer sees none"
    assert operator.get(f"/talk/{row.agent_id}/").status_code == 403, "nobody's conversation"
    operator.post("/visit/end/")
    assert operator.get(f"/review/{row.pk}/").status_code == 403
    began, ended = audited(tenant)
    assert (began.action, ended.action) == ("visit.began", "visit.ended")
    assert began.actor == ended.actor == f"user:{cast.operator.pk}"
    assert began.after is not None
    assert (began.after["role"], began.after["reason"]) == ("reviewer", REASON)
    with tenant_scope(tenant.pk):
        viewed = AuditEntry.objects.get(action="transcript.viewed")
        assert Conversation.objects.count() == 1
    assert viewed.actor == f"user:{cast.operator.pk}"


def test_it_takes_the_tenants_leave_and_a_reason(cast: Cast) -> None:
    operator, acme = signed_in(cast.operator), cast.acme.tenant
    assert "does not let operators look in" in look_in(operator, acme)
    Tenant.objects.update(allows_visits=True)
    address = f"/admin/accounts/tenant/{acme.pk}/visit/"
    assert "at least 8 characters" in operator.post(address, {"role": "admin", "reason": "x"}).text
    operator.post(address, {"role": "owner", "reason": REASON})
    assert audited(acme) == []


def test_only_the_tenant_gives_leave(cast: Cast) -> None:
    fields = {"name": "Acme", "slug": "acme", "allows_visits": "on"}
    address = f"/admin/accounts/tenant/{cast.acme.tenant.pk}/change/"
    signed_in(cast.operator).post(address, fields)
    assert not Tenant.objects.get(pk=cast.acme.tenant.pk).allows_visits
    signed_in(cast.acme.admin).post(address, fields)
    assert Tenant.objects.get(pk=cast.acme.tenant.pk).allows_visits


def test_nobody_else_looks_in(cast: Cast, tenant: Tenant) -> None:
    assert look_in(signed_in(cast.acme.owner), tenant)
    assert audited(tenant) == []
    stranger = signed_in(cast.globex.owner)
    assert stranger.get(f"/admin/accounts/tenant/{tenant.pk}/visit/").status_code == 404
