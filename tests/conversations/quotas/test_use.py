from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.limits import LimitKind
from accounts.tenancy import platform_scope
from conversations.models import Lease
from conversations.quotas.parties import Parties
from conversations.quotas.rules import Budget, Use, Whose
from conversations.quotas.use import UseBook, newest_with_place
from conversations.states import ConversationState
from tests.cast import Cast
from tests.conversations.quotas.ledger import MINUTE_MS, ids, running, used
from tests.conversations.talks import ago, make_agent, make_open

pytestmark = pytest.mark.django_db
KINDS = (
    LimitKind.SESSIONS,
    LimitKind.DAY_MINUTES,
    LimitKind.MONTH_MINUTES,
    LimitKind.DAY_SPEND,
    LimitKind.MONTH_SPEND,
)


def use_of(parties: Parties) -> Use:
    budgets = [Budget(whose, kind, 1, 1) for whose in Whose for kind in KINDS]
    with platform_scope("test"):
        return UseBook([(parties, budgets)], timezone.now()).use_of(parties)


def test_each_party_and_each_period_counts_its_own(cast: Cast) -> None:
    tenant, member = cast.acme.tenant, cast.acme.member
    agent, other = make_agent(tenant), make_agent(tenant, "other")
    running(agent, member, 2)
    running(other, cast.acme.owner)
    running(make_agent(cast.globex.tenant), cast.globex.member, 4)
    used(tenant, minutes=50, spent=3)
    used(tenant, agent.pk, minutes=30, spent=2)
    used(tenant, member.pk, minutes=10, spent=1)
    used(tenant, days_ago=32, minutes=900, spent=900)  # of another month, on any day
    used(cast.globex.tenant, minutes=700, spent=700)
    found = use_of(Parties(tenant.pk, agent.pk, member.pk))
    parties = [each for each in Whose if each != Whose.TOKEN]
    assert {each: found[each, LimitKind.SESSIONS] for each in parties} == {
        Whose.TENANT: 3, Whose.AGENT: 2, Whose.USER: 2,
    }  # fmt: skip
    for minutes in (LimitKind.DAY_MINUTES, LimitKind.MONTH_MINUTES):
        assert [found[each, minutes] // MINUTE_MS for each in parties] == [50, 30, 10]
    for spend in (LimitKind.DAY_SPEND, LimitKind.MONTH_SPEND):
        assert [found[each, spend] // 1_000_000 for each in parties] == [3, 2, 1]
    nobody = use_of(Parties(tenant.pk, other.pk, None))
    assert (Whose.USER, LimitKind.SESSIONS) not in nobody
    assert nobody[Whose.AGENT, LimitKind.DAY_SPEND] == 0


def test_days_before_count_for_the_month_only(cast: Cast) -> None:
    tenant = cast.acme.tenant
    now = timezone.now().replace(day=20)
    with platform_scope("test"):
        used(tenant, minutes=5, days_ago=(timezone.now() - now).days + 1)
        parties = Parties(tenant.pk, tenant.pk, None)
        budgets = [Budget(Whose.TENANT, kind, 1, 1) for kind in KINDS]
        found = UseBook([(parties, budgets)], now).use_of(parties)
    assert found[Whose.TENANT, LimitKind.DAY_MINUTES] == 0
    assert found[Whose.TENANT, LimitKind.MONTH_MINUTES] == 5 * MINUTE_MS


def test_who_has_a_place(cast: Cast) -> None:
    """A worker hosts it, or it is on its way to one; not what is paused or has ended."""
    agent, member = make_agent(cast.acme.tenant), cast.acme.member
    hosted = make_open(agent, member, ago(seconds=-3))
    handed_on = make_open(agent, member, ago(seconds=20))
    make_open(agent, member, ago(seconds=40))
    ended = make_open(agent, member, ago(seconds=-3))
    with platform_scope("test"):
        type(ended).objects.filter(pk=ended.pk).update(state=ConversationState.ENDED)
        held = Lease.objects.with_place().values_list("conversation_id", flat=True)
        assert set(held) == set(ids([hosted, handed_on]))
    found = use_of(Parties(cast.acme.tenant.pk, agent.pk, member.pk))
    assert found[Whose.TENANT, LimitKind.SESSIONS] == 2


def test_the_newest_ones_are_the_surplus(cast: Cast) -> None:
    tenant = cast.acme.tenant
    agent, other = make_agent(tenant), make_agent(tenant, "other")
    first = running(agent, cast.acme.member, 3)
    second = running(other, cast.acme.member, 2)
    running(make_agent(cast.globex.tenant), cast.globex.member, 2)
    of_agent = (Whose.AGENT, tenant.pk, agent.pk)
    of_tenant = (Whose.TENANT, tenant.pk, tenant.pk)
    with platform_scope("test"):
        assert newest_with_place({of_agent: 2}) == set(ids(first[1:]))
        assert newest_with_place({of_tenant: 3}) == set(ids([*second, first[-1]]))
        assert newest_with_place({of_agent: 1, of_tenant: 1}) == set(ids([first[-1], second[-1]]))
    assert timedelta(0) <= ago() - first[0].started_at
