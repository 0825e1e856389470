from datetime import timedelta

import pytest

from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, Conversation, UsageDay
from conversations.states import TokenKind
from conversations.usage.report import (
    Line,
    by_day,
    by_subject,
    first_day,
    of_conversation,
    of_subjects,
    total_of,
)
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.usage.uses import DAY, SPOKEN_COSTS, set_prices, use

Whose = UsageDay.Whose
YESTERDAY = DAY - timedelta(days=1)


@pytest.fixture
def rows(agent: Agent, cast: Cast) -> list[Conversation]:
    """Two conversations of acme, of which the second cost twice as much, and one of globex."""
    set_prices()
    found = [
        make_conversation(agent, cast.acme.member, words=()),
        make_conversation(make_agent(cast.acme.tenant, "guide"), None, words=()),
        make_conversation(make_agent(cast.globex.tenant), cast.globex.member, words=()),
    ]
    use(found[0], day=YESTERDAY)
    use(found[1], 1, 2)
    use(found[2])
    return found


def test_lines_of_days_are_of_the_scope(rows: list[Conversation], cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        costs = {day: line.cost_micros for day, line in by_day(YESTERDAY, DAY).items()}
        assert costs == {YESTERDAY: SPOKEN_COSTS, DAY: 2 * SPOKEN_COSTS}
        assert list(by_day(YESTERDAY, YESTERDAY)) == [YESTERDAY]
        assert by_day(DAY + timedelta(days=1), DAY + timedelta(days=9)) == {}
    with platform_scope("test"):
        assert by_day(YESTERDAY, DAY)[DAY].cost_micros == 3 * SPOKEN_COSTS


def test_subjects_come_dearest_first(rows: list[Conversation], cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        agents = by_subject(Whose.AGENT, YESTERDAY, DAY, most=9)
        assert list(agents) == [rows[1].agent_id, rows[0].agent_id]
        assert agents[rows[0].agent_id].currency == "USD"
        assert list(by_subject(Whose.AGENT, YESTERDAY, DAY, most=1)) == [rows[1].agent_id]
        assert list(by_subject(Whose.USER, YESTERDAY, DAY, most=9)) == [cast.acme.member.pk]
        assert of_subjects(Whose.USER, YESTERDAY, DAY).cost_micros == SPOKEN_COSTS
        assert of_subjects(Whose.USER, DAY, DAY) == Line()
    with platform_scope("test"):
        tenants = by_subject(Whose.TENANT, YESTERDAY, DAY, most=9)
    assert {tenant: line.cost_micros for tenant, line in tenants.items()} == {
        cast.acme.tenant.pk: 3 * SPOKEN_COSTS,
        cast.globex.tenant.pk: SPOKEN_COSTS,
    }


def test_the_first_day_is_the_scopes(rows: list[Conversation], cast: Cast) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        assert first_day() == DAY
    with platform_scope("test"):
        assert first_day() == YESTERDAY
        UsageDay.objects.all().delete()
        assert first_day() is None


def test_a_conversation_by_itself(rows: list[Conversation]) -> None:
    with tenant_scope(rows[1].tenant_id):
        line = of_conversation(rows[1])
        assert (line.cost_micros, line.talked_ms, line.tokens) == (
            2 * SPOKEN_COSTS,
            120_000,
            2300,
        )
        unused = make_conversation(rows[1].agent, None, words=())
        assert of_conversation(unused) == Line()


def test_lines_add_up() -> None:
    one = Line(text_in=3, image_in=1, talked_ms=60_000, cost_micros=5, currency="USD")
    other = Line(text_in=1, video_in=4, unpriced_tokens=4)
    both = total_of([one, other])
    assert both == other + one
    assert (both.tokens, both.seen_in, both.minutes) == (9, 5, 1.0)
    assert str(both.cost) == "at least 0.0000 USD"
    assert both - other == one
    assert total_of([]) == Line()
    assert {*TokenKind} <= set(Line.__slots__)
