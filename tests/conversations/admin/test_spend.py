from datetime import UTC, date, datetime

import pytest

from accounts.tenancy import platform_scope, tenant_scope
from conversations.admin.spend import spend_of_month, usage_charts
from conversations.models import Agent, Conversation
from conversations.states import TokenKind
from conversations.usage.report import Line, by_day
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.usage.uses import account_of, set_prices, use

NOW = datetime(2026, 11, 11, tzinfo=UTC)  # ten days of thirty are over
MILLION = {TokenKind.TEXT_IN: 1_000_000}


@pytest.fixture
def row(agent: Agent, cast: Cast) -> Conversation:
    with platform_scope("test"):
        set_prices()
    return make_conversation(agent, cast.acme.member, words=())


def test_the_month_and_where_it_goes(row: Conversation, cast: Cast) -> None:
    for number, day in enumerate((date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 9))):
        use(row, number, day=day, tokens=MILLION)
    foreign = make_conversation(make_agent(cast.globex.tenant), None, words=())
    use(foreign, day=date(2026, 11, 2), tokens=MILLION)
    with tenant_scope(row.tenant_id):
        spend = spend_of_month(NOW)
    assert (str(spend.so_far.cost), str(spend.forecast)) == ("2.00 USD", "6.00 USD")
    assert spend.last == date(2026, 11, 30)
    with platform_scope("test"):
        assert str(spend_of_month(NOW).so_far.cost) == "3.00 USD"


def test_a_tenant_that_began_in_the_month(row: Conversation) -> None:
    use(row, day=date(2026, 11, 10), tokens=MILLION)
    with tenant_scope(row.tenant_id):
        assert str(spend_of_month(NOW).forecast) == "21.00 USD", "one a day, for twenty more"


def test_before_the_first_conversation(row: Conversation) -> None:
    with tenant_scope(row.tenant_id):
        spend = spend_of_month(NOW)
    assert spend.is_nothing
    assert spend.so_far == Line()


def test_a_forecast_of_what_is_not_known(row: Conversation) -> None:
    use(row, day=date(2026, 11, 10), account=account_of(row, "gemini-9"), tokens=MILLION)
    with tenant_scope(row.tenant_id):
        spend = spend_of_month(NOW)
    assert not spend.is_nothing
    assert (str(spend.so_far.cost), str(spend.forecast)) == ("unknown", "unknown")


def test_charts_of_the_days(row: Conversation) -> None:
    day, next_day = date(2026, 11, 10), date(2026, 11, 11)
    tokens = {TokenKind.TEXT_IN: 500_000, TokenKind.AUDIO_OUT: 250_000, TokenKind.OTHER_IN: 5}
    use(row, day=day, tokens=tokens, talked_ms=90_000)
    with tenant_scope(row.tenant_id):
        minutes, tokens_chart, spend = usage_charts(by_day(day, next_day), [day, next_day])
    assert minutes.total == "1.5"
    assert tokens_chart.total == "750,005"
    assert [key.label for key in tokens_chart.legend] == ["Text", "Audio", "Other"]
    assert spend.total == "≥ 3.50 USD"
    assert [bar.title for bar in spend.bars] == ["10 Nov: 3.50 USD"]
