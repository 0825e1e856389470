import pytest

from accounts.limits import Limits
from accounts.models import Membership, Tenant
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation
from conversations.quotas.preview import would_end
from tests.cast import Cast
from tests.conversations.quotas.ledger import ids, limit, membership_of, running, used
from tests.conversations.talks import ago, make_agent

pytestmark = pytest.mark.django_db


def ends(row: Tenant | Agent | Membership, field: str = "limits", **limits: int) -> int:
    setattr(row, field, Limits(**limits).to_json())
    with platform_scope("test"):
        return would_end(row)


def test_what_lower_limits_of_a_tenant_would_end(cast: Cast) -> None:
    tenant = cast.acme.tenant
    old, *_ = running(make_agent(tenant), cast.acme.member, 3)
    running(make_agent(cast.globex.tenant), cast.globex.member, 9)
    with platform_scope("test"):
        Conversation.objects.filter(pk__in=ids([old])).update(started_at=ago(minutes=30))
    used(tenant, minutes=40)
    assert ends(tenant) == 0
    assert ends(tenant, sessions=2) == 1
    assert ends(tenant, sessions=0) == 3
    assert ends(tenant, length_ms=20 * 60_000) == 1
    assert ends(tenant, day_minutes=40) == 3
    assert ends(tenant, day_minutes=41) == 0
    assert ends(tenant, "member_limits", sessions=1) == 2
    tenant.refresh_from_db()
    assert tenant.limits == {}  # nothing was saved


def test_what_others_would_end(cast: Cast) -> None:
    tenant, member = cast.acme.tenant, cast.acme.member
    agent, other = make_agent(tenant), make_agent(tenant, "other")
    running(agent, member, 2)
    running(other, cast.acme.owner)
    limit(tenant, "member_limits", sessions=5)
    assert ends(agent, sessions=1) == 1
    assert ends(other, sessions=1) == 0
    assert ends(membership_of(member), sessions=0) == 2
    assert ends(membership_of(cast.acme.owner), sessions=0) == 1
