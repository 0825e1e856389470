import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.limits import Limits
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import AccessToken, Conversation
from conversations.quotas.parties import Parties, parties_of, stack_for, stacks_of
from conversations.quotas.places import LimitReached, check_room
from conversations.quotas.rules import Whose, bounds_of
from tests.cast import Cast
from tests.conversations.quotas.ledger import ids, limit, membership_of, running, used
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


def test_a_key_names_whose_budget_it_is(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    [row] = running(agent, cast.acme.member)
    parties = parties_of(row)
    assert parties == Parties(cast.acme.tenant.pk, agent.pk, cast.acme.member.pk)
    assert parties.key(Whose.USER) == (Whose.USER, cast.acme.tenant.pk, cast.acme.member.pk)
    assert len(parties.keys()) == 3
    assert Parties(cast.acme.tenant.pk, agent.pk, None).key(Whose.USER) is None


def test_the_limits_of_everybody_it_concerns(cast: Cast) -> None:
    tenant, agent = cast.acme.tenant, make_agent(cast.acme.tenant)
    limit(tenant, "plan_limits", sessions=5)
    limit(tenant, sessions=9, day_minutes=60)
    limit(tenant, "member_limits", sessions=1)
    limit(agent, idle_ms=1)
    limit(membership_of(cast.acme.owner), sessions=2)
    with platform_scope("test"):
        of_member = stack_for(agent, cast.acme.member.pk)
        of_owner = stack_for(agent, cast.acme.owner.pk)
        of_key = stack_for(agent, None)
    assert of_member.tenant == Limits(sessions=5, day_minutes=60)
    assert of_member.agent == Limits(idle_ms=1)
    assert [each.user for each in (of_member, of_owner, of_key)] == [
        Limits(sessions=1), Limits(sessions=2), Limits(),
    ]  # fmt: skip


def test_many_cost_no_more_statements_than_one(cast: Cast) -> None:
    rows = []
    for company in (cast.acme, cast.globex):
        agent = make_agent(company.tenant)
        limit(company.tenant, "member_limits", sessions=3)
        rows += running(agent, company.member) + running(agent, company.owner)
    limit(membership_of(cast.globex.owner), sessions=7)
    with platform_scope("test"):
        loaded = list(
            Conversation.objects.filter(pk__in=ids(rows)).select_related("tenant", "agent")
        )
        with CaptureQueriesContext(
            connection,
        ) as queries:
            stacks = stacks_of(loaded)
    assert len(queries) == 1
    assert [stacks[row.pk].user.sessions for row in rows] == [3, 3, 3, 7]


def test_a_token_is_a_party_with_limits_of_its_own(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    limit(cast.acme.tenant, length_ms=90_000)
    now = timezone.now()
    with tenant_scope(agent.tenant_id):
        token = AccessToken.objects.create(
            agent=agent,
            limits={"length_ms": 60_000, "total_spend_micros": 100_000_000},
            expires_at=now,
            new_session_expires_at=now,
            minted_by="system",
        )
        row = make_conversation(agent, None, access_token=token)
        [loaded] = Conversation.objects.select_related("tenant", "agent", "access_token")
        stack = stacks_of([loaded])[row.pk]
        assert stack == stack_for(agent, None, token)
        assert bounds_of(stack).length_ms == 60_000
        parties = parties_of(loaded)
        assert parties.key(Whose.TOKEN) == (Whose.TOKEN, agent.tenant_id, token.pk)
        used(cast.acme.tenant, token.pk, days_ago=40, spent=60)
        used(cast.acme.tenant, token.pk, spent=30)
        check_room(parties, stack)
        used(cast.acme.tenant, token.pk, days_ago=1, spent=10)
        with pytest.raises(LimitReached) as reached:
            check_room(parties, stack)
    assert reached.value.refusal.message == "You have used up the budget of your visit."
