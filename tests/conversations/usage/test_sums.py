from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import NoTenantScope, platform_scope, tenant_scope
from conversations.models import Agent, Conversation
from conversations.usage import Used, month_of, spent_micros, talked_ms, used_by
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.usage.uses import DAY, SPOKEN_COSTS, set_prices, use

NOW = datetime(DAY.year, DAY.month, DAY.day, 15, tzinfo=UTC)


@pytest.fixture
def row(agent: Agent, cast: Cast) -> Conversation:
    set_prices()
    row = make_conversation(agent, cast.acme.member, words=())
    other_agent = make_conversation(
        make_agent(cast.acme.tenant, "guide"), cast.acme.member, words=()
    )
    program = make_conversation(agent, None, words=())
    foreign = make_conversation(make_agent(cast.globex.tenant), cast.globex.member, words=())
    for each in (row, other_agent, program, foreign):
        use(each)
    return row


@pytest.fixture
def in_acme(cast: Cast, row: Conversation) -> Iterator[None]:
    with tenant_scope(cast.acme.tenant.pk):
        yield


@pytest.mark.usefixtures("in_acme")
def test_sums_of_the_tenant_the_agent_and_the_person(row: Conversation) -> None:
    tenant = row.tenant_id
    assert spent_micros(tenant, since=NOW) == 3 * SPOKEN_COSTS
    assert spent_micros(tenant, since=NOW, agent_id=row.agent_id) == 2 * SPOKEN_COSTS
    assert spent_micros(tenant, since=NOW, user_id=row.user_id) == 2 * SPOKEN_COSTS
    assert talked_ms(tenant, since=NOW) == 180_000
    assert talked_ms(tenant, since=NOW, agent_id=row.agent_id) == 120_000
    assert talked_ms(tenant, since=NOW, user_id=row.user_id) == 120_000


@pytest.mark.usefixtures("in_acme")
def test_who_used_nothing_used_nothing(row: Conversation, cast: Cast) -> None:
    assert spent_micros(row.tenant_id, since=NOW, user_id=cast.acme.owner.pk) == 0
    assert talked_ms(row.tenant_id, since=NOW + timedelta(days=1)) == 0


@pytest.mark.usefixtures("in_acme")
def test_the_days_before_do_not_count(row: Conversation) -> None:
    for number, days_ago in enumerate((1, 22, 23), 2):
        use(row, number, day=DAY - timedelta(days=days_ago))
    first, _ = month_of(NOW)
    assert spent_micros(row.tenant_id, since=NOW) == 3 * SPOKEN_COSTS
    assert spent_micros(row.tenant_id, since=first) == 5 * SPOKEN_COSTS


def test_another_tenants_numbers_are_not_there(row: Conversation, cast: Cast) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        assert spent_micros(row.tenant_id, since=NOW) == 0
        assert talked_ms(row.tenant_id, since=NOW, agent_id=row.agent_id) == 0
        assert spent_micros(cast.globex.tenant.pk, since=NOW, agent_id=row.agent_id) == 0
        assert spent_micros(cast.globex.tenant.pk, since=NOW) == SPOKEN_COSTS
    with pytest.raises(NoTenantScope):
        spent_micros(row.tenant_id, since=NOW)


def test_many_parties_in_one_statement(row: Conversation, cast: Cast) -> None:
    tenants = [cast.acme.tenant.pk, cast.globex.tenant.pk]
    with platform_scope("test"), CaptureQueriesContext(connection) as captured:
        used = used_by(tenants, [*tenants, row.agent_id, cast.acme.owner.pk], since=NOW)
    assert len(captured) == 1
    assert used == {
        (row.tenant_id, row.tenant_id): Used(3 * SPOKEN_COSTS, 180_000),
        (row.tenant_id, row.agent_id): Used(2 * SPOKEN_COSTS, 120_000),
        (tenants[1], tenants[1]): Used(SPOKEN_COSTS, 60_000),
    }


@pytest.mark.usefixtures("in_acme")
def test_an_agent_and_a_person_together_are_not_kept(row: Conversation) -> None:
    with pytest.raises(ValueError, match="not kept"):
        spent_micros(row.tenant_id, since=NOW, agent_id=row.agent_id, user_id=row.user_id)
