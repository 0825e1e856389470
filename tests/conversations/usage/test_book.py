"""What is written down is counted once, and its day's sums say the same."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from accounts.ids import uuid7
from conversations.models import Agent, Conversation, Usage, UsageDay
from conversations.states import TokenKind
from conversations.usage.book import SUMS, write_usage
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.usage.uses import (
    DAY,
    SPOKEN,
    SPOKEN_COSTS,
    a_record,
    account_of,
    set_prices,
)

pytestmark = pytest.mark.usefixtures("all_tenants")


@pytest.fixture
def row(agent: Agent, cast: Cast) -> Conversation:
    set_prices()
    return make_conversation(agent, cast.acme.member, words=())


def days() -> dict[tuple[str, object], UsageDay]:
    return {(each.whose, each.subject): each for each in UsageDay.objects.all()}


def test_a_record_is_kept_with_what_it_cost(row: Conversation) -> None:
    record = a_record(row)
    write_usage([record])
    usage = Usage.objects.get()
    assert usage.pk == record.id
    assert (usage.tenant_id, usage.conversation_id) == (row.tenant_id, row.pk)
    assert (usage.epoch, usage.number, usage.day) == (1, 1, DAY)
    assert (usage.text_in, usage.audio_in, usage.audio_out, usage.video_in) == (1000, 100, 50, 0)
    assert (usage.cost_micros, usage.currency) == (SPOKEN_COSTS, "USD")
    assert (usage.talked_ms, usage.unpriced_tokens) == (60_000, 0)


def test_it_counts_for_the_tenant_the_agent_and_the_person(row: Conversation) -> None:
    write_usage([a_record(row, 1), a_record(row, 2)])
    write_usage([a_record(row, 3)])
    found = days()
    assert set(found) == {
        ("tenant", row.tenant_id),
        ("agent", row.agent_id),
        ("user", row.user_id),
    }
    for day in found.values():
        assert (day.tenant_id, day.day) == (row.tenant_id, DAY)
        assert (day.cost_micros, day.talked_ms) == (3 * SPOKEN_COSTS, 180_000)
        assert {kind: getattr(day, kind) for kind in SPOKEN} == {
            kind: 3 * count for kind, count in SPOKEN.items()
        }


def test_a_program_is_no_person(agent: Agent) -> None:
    write_usage([a_record(make_conversation(agent, None, words=()))])
    assert {whose for whose, _ in days()} == {"tenant", "agent"}


def test_a_token_with_a_budget_is_a_party(row: Conversation) -> None:
    token_id = uuid7()
    account = dataclasses.replace(account_of(row), token_id=token_id)
    write_usage([a_record(row, 1, account=account)])
    assert days()["token", token_id].cost_micros == SPOKEN_COSTS


def test_what_is_written_again_is_counted_once(row: Conversation) -> None:
    first, second = a_record(row, 1), a_record(row, 2)
    write_usage([first])
    write_usage([first, second])
    write_usage([first, second])
    assert Usage.objects.count() == 2
    assert days()["tenant", row.tenant_id].cost_micros == 2 * SPOKEN_COSTS


def test_two_reports_cannot_have_one_number(row: Conversation) -> None:
    write_usage([a_record(row, 1)])
    with pytest.raises(IntegrityError):
        write_usage([dataclasses.replace(a_record(row, 1), id=uuid7())])


def test_each_day_has_its_own_sums(row: Conversation) -> None:
    write_usage([a_record(row, 1), a_record(row, 2, day=DAY + timedelta(days=1), tokens={})])
    rows = UsageDay.objects.filter(subject=row.tenant_id).order_by("day")
    assert list(rows.values_list("day", "talked_ms", "cost_micros", "currency")) == [
        (DAY, 60_000, SPOKEN_COSTS, "USD"),
        (DAY + timedelta(days=1), 60_000, 0, ""),
    ]


def test_time_alone_does_not_hide_the_currency(row: Conversation) -> None:
    write_usage([a_record(row, 1)])
    write_usage([a_record(row, 2, tokens={})])
    assert days()["tenant", row.tenant_id].currency == "USD"


def test_a_cost_that_is_not_known_is_no_cost_of_nothing(row: Conversation) -> None:
    write_usage(
        [
            a_record(row, 1, account=account_of(row, "gemini-9")),
            a_record(row, 2, tokens={TokenKind.TEXT_IN: 5, TokenKind.VIDEO_IN: 7}),
        ]
    )
    day = days()["tenant", row.tenant_id]
    assert (day.cost_micros, day.unpriced_tokens) == (5, 1150 + 7)
    assert day.video_in == 7


def test_a_new_price_leaves_the_past_alone(row: Conversation) -> None:
    write_usage([a_record(row, 1)])
    set_prices(audio_out=100)
    write_usage([a_record(row, 2)])
    costs = list(Usage.objects.order_by("number").values_list("cost_micros", flat=True))
    assert costs == [SPOKEN_COSTS, SPOKEN_COSTS + 50 * (100 - 12)]
    assert days()["tenant", row.tenant_id].cost_micros == sum(costs)


def test_the_days_stay_when_a_conversation_goes(row: Conversation) -> None:
    write_usage([a_record(row, 1)])
    row.delete()
    assert not Usage.objects.exists()
    assert days()["tenant", row.tenant_id].cost_micros == SPOKEN_COSTS


def test_two_tenants_in_one_call_are_kept_apart(row: Conversation, cast: Cast) -> None:
    other = make_conversation(make_agent(cast.globex.tenant), cast.globex.member, words=())
    write_usage([a_record(row, 1), a_record(other, 1, talked_ms=5)])
    found = days()
    assert found["tenant", row.tenant_id].talked_ms == 60_000
    assert found["tenant", other.tenant_id].talked_ms == 5
    assert all(
        day.tenant_id == (row if day.talked_ms > 5 else other).tenant_id for day in found.values()
    )


def test_a_person_of_two_tenants_has_sums_in_each(row: Conversation, cast: Cast) -> None:
    other = make_conversation(make_agent(cast.globex.tenant), cast.acme.member, words=())
    write_usage([a_record(row, 1), a_record(other, 1)])
    rows = UsageDay.objects.filter(subject=cast.acme.member.pk)
    assert set(rows.values_list("tenant_id", "talked_ms")) == {
        (row.tenant_id, 60_000),
        (other.tenant_id, 60_000),
    }


def test_few_statements_however_many_conversations(row: Conversation, agent: Agent) -> None:
    rows = [row, *(make_conversation(agent, None, words=()) for _ in range(20))]
    with CaptureQueriesContext(connection) as captured:
        write_usage([a_record(each, number) for each in rows for number in (1, 2, 3)])
    assert len(captured) == 4
    with CaptureQueriesContext(connection) as captured:
        write_usage([a_record(row, 4, tokens={})])
        write_usage([])
    assert len(captured) == 3, "time alone needs no prices"


def test_sums_of_the_days_are_those_of_the_reports(row: Conversation, agent: Agent) -> None:
    other = make_conversation(agent, None, words=())
    for number in range(1, 6):
        records = [a_record(each, number, talked_ms=number * 7) for each in (row, other)]
        write_usage(records)
        write_usage(records[1:])
    by_report: Counter[str] = Counter()
    for usage in Usage.objects.all():
        by_report.update({name: getattr(usage, name) for name in SUMS})
    day = UsageDay.objects.get(subject=row.tenant_id)
    assert {name: getattr(day, name) for name in SUMS} == dict(by_report)
