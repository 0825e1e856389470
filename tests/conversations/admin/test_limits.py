import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.admin.limits import UseMeter, party_of, used_so_far
from conversations.quotas.rules import Whose
from tests.cast import Cast
from tests.conversations.quotas.ledger import limit, membership_of, running, used
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db


def test_whose_use_stands_beside_a_limit(cast: Cast) -> None:
    tenant, agent = cast.acme.tenant, make_agent(cast.acme.tenant)
    membership = membership_of(cast.acme.member)
    assert party_of(tenant) == (Whose.TENANT, tenant.pk, tenant.pk)
    assert party_of(agent) == (Whose.AGENT, tenant.pk, agent.pk)
    assert party_of(membership) == (Whose.USER, tenant.pk, cast.acme.member.pk)
    assert party_of(cast.operator) is None
    with platform_scope("test"):
        assert UseMeter().used(tenant, "member_limits") == {}


def test_the_sentences_cost_three_statements(cast: Cast) -> None:
    tenant = cast.acme.tenant
    running(make_agent(tenant), cast.acme.member, 3)
    used(tenant, minutes=61, spent=7)
    used(cast.globex.tenant, minutes=99, spent=99)
    with platform_scope("test"), CaptureQueriesContext(connection) as queries:
        told = used_so_far((Whose.TENANT, tenant.pk, tenant.pk), timezone.now())
    assert told == {
        "sessions": "Now: 3.",
        "day_minutes": "Used today: 61.",
        "month_minutes": "Used this month: 61.",
        "day_spend_micros": "Spent today: 7.00.",
        "month_spend_micros": "Spent this month: 7.00.",
    }
    assert len(queries) == 3


def test_the_first_page_tells_of_budgets_to_who_can_change_them(cast: Cast) -> None:
    tenant = cast.acme.tenant
    limit(tenant, day_minutes=60)
    used(tenant, minutes=60)
    line = "Acme has used up the minutes of today"
    assert line in signed_in(cast.acme.owner).get("/admin/").text
    assert line not in signed_in(cast.acme.reviewer).get("/admin/").text
    assert line not in signed_in(cast.globex.owner).get("/admin/").text
    assert signed_in(cast.operator).get("/admin/").status_code == 200
