import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.limits import LimitKind
from accounts.tenancy import platform_scope
from conversations.models import Conversation
from conversations.quotas.rules import Bounds
from conversations.quotas.running import UNLIMITED, standings, stop
from conversations.states import EndReason
from tests.cast import Cast
from tests.conversations.quotas.ledger import ids, limit, membership_of, running, used
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db
NOTHING: frozenset[LimitKind] = frozenset()


def test_without_limits_nothing_is_known(cast: Cast) -> None:
    [row] = running(make_agent(cast.acme.tenant), cast.acme.member)
    assert standings([row.pk]) == {row.pk: UNLIMITED}


def test_each_kind_that_ends_it(cast: Cast) -> None:
    tenant, member = cast.acme.tenant, cast.acme.member
    agent = make_agent(tenant)
    [row] = running(agent, member)
    [other] = running(make_agent(cast.globex.tenant), cast.globex.member)
    limit(tenant, length_ms=600_000, day_minutes=10)
    limit(agent, month_spend_micros=5_000_000, idle_ms=120_000)
    limit(membership_of(member), day_spend_micros=1_000_000)
    used(cast.globex.tenant, minutes=99)
    bounds = Bounds(length_ms=600_000, idle_ms=120_000)
    assert standings([row.pk])[row.pk].bounds == bounds
    for subject, booked, kind in (
        (tenant.pk, {"minutes": 10}, LimitKind.DAY_MINUTES),
        (agent.pk, {"spent": 5}, LimitKind.MONTH_SPEND),
        (member.pk, {"spent": 1}, LimitKind.DAY_SPEND),
    ):
        used(tenant, subject, **booked)
        found = standings([row.pk, other.pk])
        assert found[row.pk].used_up == {kind}
        assert found[other.pk] == UNLIMITED
        used(tenant, subject)
    assert standings([row.pk])[row.pk].used_up == NOTHING


def test_only_ones_own_share_is_told_to_a_person(cast: Cast) -> None:
    tenant, member = cast.acme.tenant, cast.acme.member
    [row] = running(make_agent(tenant), member)
    limit(tenant, month_spend_micros=10_000_000)
    limit(tenant, "member_limits", day_minutes=100, sessions=1, warn_percent=50)
    used(tenant, spent=9)
    used(tenant, member.pk, minutes=70)
    assert standings([row.pk])[row.pk].near == {LimitKind.DAY_MINUTES: 70}


def test_of_too_many_the_newest_go(cast: Cast) -> None:
    tenant = cast.acme.tenant
    rows = running(make_agent(tenant), cast.acme.member, 4)
    limit(tenant, sessions=4)
    assert {each.used_up for each in standings(ids(rows)).values()} == {NOTHING}
    limit(tenant, sessions=2)
    found = standings(ids(rows))
    assert [bool(found[row.pk].used_up) for row in rows] == [False, False, True, True]
    # Every worker comes to the same: one that hosts an old one leaves it alone.
    assert standings([rows[0].pk])[rows[0].pk].used_up == NOTHING
    assert standings([rows[3].pk])[rows[3].pk].used_up == {LimitKind.SESSIONS}


def test_the_number_of_statements_does_not_grow(cast: Cast) -> None:
    def statements(rows: list[Conversation]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert all(each.used_up for each in standings(ids(rows)).values())
        return len(queries)

    rows: list[Conversation] = []
    for company in (cast.acme, cast.globex):
        limit(company.tenant, sessions=0, day_minutes=1, month_spend_micros=1)
        limit(company.tenant, "member_limits", sessions=0, day_spend_micros=1)
        used(company.tenant, minutes=5, spent=5)
        agent = make_agent(company.tenant)
        rows += running(agent, company.member, 3) + running(agent, company.owner, 2)
    statements(rows)  # the letters to the staff are written once
    assert statements(rows) == statements(rows[:1]) <= 8


def test_a_stop_is_a_fact_that_all_agree_on(cast: Cast) -> None:
    [row, asked] = running(make_agent(cast.acme.tenant), cast.acme.member, 2)
    ended = make_conversation(make_agent(cast.acme.tenant, "other"), cast.acme.member)
    with platform_scope("test"):
        Conversation.objects.filter(pk=asked.pk).update(stop_reason=EndReason.STAFF_ENDED)
        assert stop(row.pk, EndReason.IDLE_LIMIT) == EndReason.IDLE_LIMIT
        assert stop(row.pk, EndReason.MAX_DURATION) == EndReason.IDLE_LIMIT
        assert stop(asked.pk, EndReason.IDLE_LIMIT) == EndReason.STAFF_ENDED
        stop(ended.pk, EndReason.IDLE_LIMIT)
        reasons = Conversation.objects.in_bulk([row.pk, asked.pk, ended.pk])
    assert reasons[row.pk].stop_reason == EndReason.IDLE_LIMIT
    assert reasons[ended.pk].stop_reason == ""
