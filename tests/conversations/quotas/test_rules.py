from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.limits import LimitKind, Limits
from conversations.quotas.rules import (
    Bounds,
    Budget,
    Stack,
    Whose,
    bounds_of,
    budgets_of,
    period_start,
    reached,
    refusal,
    retry_at,
    stack_of,
)

NOW = datetime(2026, 11, 23, 17, 5, 30, 250, tzinfo=UTC)
NONE = Limits()


def budget(kind: LimitKind, hard: int, whose: Whose = Whose.TENANT) -> Budget:
    return Budget(whose, kind, soft=hard * 80 // 100, hard=hard)


# --- whose limits count -----------------------------------------------------------------------


def test_the_plan_narrows_what_the_tenant_sets() -> None:
    stack = stack_of(
        plan=Limits(sessions=10, length_ms=60_000),
        tenant=Limits(sessions=20, idle_ms=9_000),
        agent=NONE,
        user=None,
        members=Limits(sessions=1),
    )
    assert stack.tenant == Limits(sessions=10, length_ms=60_000, idle_ms=9_000)
    assert stack.user == NONE  # a program is no member


def test_a_persons_exception_goes_before_what_each_member_has() -> None:
    members = Limits(sessions=1, day_minutes=30)
    stack = stack_of(
        plan=NONE, tenant=NONE, agent=NONE, user=Limits(day_minutes=90), members=members
    )
    assert stack.user == Limits(sessions=1, day_minutes=90)


def test_one_conversation_is_bound_by_the_smallest_of_all() -> None:
    stack = Stack(
        tenant=Limits(length_ms=9, idle_ms=5, message_chars=100),
        agent=Limits(length_ms=7, messages_per_min=4),
        user=Limits(length_ms=8, idle_ms=6),
    )
    assert bounds_of(stack) == Bounds(length_ms=7, idle_ms=5, messages_per_min=4, message_chars=100)


def test_each_party_has_budgets_of_its_own() -> None:
    stack = Stack(
        tenant=Limits(sessions=10, day_minutes=3, warn_percent=50),
        user=Limits(month_spend_micros=7_000_000),
    )
    assert budgets_of(stack) == [
        Budget(Whose.TENANT, LimitKind.SESSIONS, soft=5, hard=10),
        Budget(Whose.TENANT, LimitKind.DAY_MINUTES, soft=90_000, hard=180_000),
        Budget(Whose.USER, LimitKind.MONTH_SPEND, soft=5_600_000, hard=7_000_000),
    ]


# --- what the use means -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "percent", "hard"),
    [(79, None, False), (80, 80, False), (99, 99, False), (100, 100, True)],
)
def test_thresholds(used: int, percent: int | None, hard: bool) -> None:
    one = budget(LimitKind.DAY_SPEND, 100)
    found = reached([one], {(Whose.TENANT, LimitKind.DAY_SPEND): used})
    assert [(each.percent, each.is_hard) for each in found] == (
        [] if percent is None else [(percent, hard)]
    )


def test_the_use_of_another_party_does_not_count() -> None:
    one = budget(LimitKind.DAY_SPEND, 100, Whose.AGENT)
    assert reached([one], {(Whose.TENANT, LimitKind.DAY_SPEND): 500}) == []


def test_a_budget_of_nothing_is_used_up() -> None:
    [found] = reached([budget(LimitKind.DAY_SPEND, 0)], {})
    assert (found.is_hard, found.percent) == (True, 100)


TOO_MANY, EXHAUSTED = "too-many-conversations", "budget-exhausted"
SOON = NOW + timedelta(seconds=30)
TOMORROW = datetime(2026, 11, 24, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "whose", "code", "words", "retry"),
    [
        (LimitKind.SESSIONS, Whose.USER, TOO_MANY, "End one", SOON),
        (LimitKind.SESSIONS, Whose.AGENT, TOO_MANY, "another agent", SOON),
        (LimitKind.DAY_MINUTES, Whose.TENANT, EXHAUSTED, "midnight", TOMORROW),
        (LimitKind.MONTH_SPEND, Whose.TENANT, EXHAUSTED, "next month", NEXT_MONTH),
    ],
)
def test_a_refusal_says_what_to_do_and_when(
    kind: LimitKind, whose: Whose, code: str, words: str, retry: datetime
) -> None:
    told = refusal([budget(kind, 5, whose)], {(whose, kind): 5}, NOW)
    assert told is not None
    assert told.code == code
    assert words in told.fix
    assert 0 <= (NOW + timedelta(seconds=told.retry_after_s) - retry).total_seconds() <= 1
    assert "5" not in told.message  # its size is its owner's business
    assert refusal([budget(kind, 5, whose)], {(whose, kind): 4}, NOW) is None


def test_of_several_reasons_the_one_that_lasts_is_told() -> None:
    kinds = (LimitKind.SESSIONS, LimitKind.MONTH_MINUTES, LimitKind.DAY_SPEND)
    use = {(Whose.TENANT, kind): 9 for kind in kinds}
    told = refusal([budget(kind, 5) for kind in kinds], use, NOW)
    assert told is not None
    assert "this month" in told.message


# --- periods ----------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


@given(MOMENTS)
def test_a_period_holds_its_moment(now: datetime) -> None:
    for kind, longest in ((LimitKind.DAY_SPEND, 1), (LimitKind.MONTH_MINUTES, 31)):
        since, until = period_start(kind, now), retry_at(kind, now)
        assert since <= now < until
        assert until - since <= timedelta(days=longest)
        assert period_start(kind, until) == until


def test_the_year_turns() -> None:
    assert retry_at(LimitKind.MONTH_SPEND, datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(
        2027, 1, 1, tzinfo=UTC
    )
