from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.limits import LimitKind
from conversations.quotas.rules import Bounds
from conversations.quotas.timekeeper import (
    GRACE_MS,
    NOTICE_MS,
    WARNINGS_MS,
    Say,
    Standing,
    Timekeeper,
    Verdict,
    warning_at,
)
from conversations.states import EndReason

MINUTE = 60_000
LENGTH, IDLE = LimitKind.LENGTH, LimitKind.IDLE


class Talk:
    """A conversation whose limits are looked at twice a second."""

    def __init__(self, **bounds: int) -> None:
        self.keeper = Timekeeper()
        self.keeper.standing = Standing(Bounds(**bounds))
        self.ms = 0
        self.active_ms = 0
        self.at_pause = True
        self.said: list[tuple[int, Say]] = []
        self.end: EndReason | None = None

    def look(self) -> Verdict:
        verdict = self.keeper.look(self.ms, active_ms=self.active_ms, at_pause=self.at_pause)
        self.said += [(self.ms, say) for say in verdict.say]
        self.end = self.end or verdict.end
        return verdict

    def until(self, ms: int) -> Talk:
        while self.ms < ms and self.end is None:
            self.ms += 500
            self.look()
        return self

    def shown(self) -> list[tuple[int, str, int | None]]:
        """(when, of what, how many seconds were left)."""
        return [
            (ms // 1000, str(say.what), None if say.left_ms is None else say.left_ms // 1000)
            for ms, say in self.said
        ]


def test_a_length_is_told_three_times_and_kept() -> None:
    talk = Talk(length_ms=10 * MINUTE).until(20 * MINUTE)
    assert talk.shown() == [(300, "length", 300), (540, "length", 60), (580, "length", 20)]
    assert (talk.ms, talk.end) == (10 * MINUTE, EndReason.MAX_DURATION)


@pytest.mark.parametrize(("minutes", "told"), [(5, [60, 20]), (2, [60, 20]), (1, [20])])
def test_no_warning_stands_from_the_beginning(minutes: int, told: list[int]) -> None:
    talk = Talk(length_ms=minutes * MINUTE).until(20 * MINUTE)
    assert [left for _, _, left in talk.shown()] == told
    assert talk.ms == minutes * MINUTE


def test_silence_ends_it() -> None:
    talk = Talk(idle_ms=2 * MINUTE).until(10 * MINUTE)
    assert talk.shown() == [(60, "idle", 60), (100, "idle", 20)]
    assert (talk.ms, talk.end) == (2 * MINUTE, EndReason.IDLE_LIMIT)


def test_a_word_takes_the_warning_back() -> None:
    talk = Talk(idle_ms=2 * MINUTE).until(110_000)
    talk.active_ms = talk.ms
    talk.until(10 * MINUTE)
    assert talk.shown() == [
        (60, "idle", 60),
        (100, "idle", 20),
        (110, "idle", None),
        (170, "idle", 60),
        (210, "idle", 20),
    ]
    assert talk.ms == 230_000


def test_no_word_is_cut() -> None:
    talk = Talk(length_ms=MINUTE)
    talk.at_pause = False
    talk.until(MINUTE + 4_000)
    assert talk.end is None
    talk.at_pause = True
    assert talk.look().end == EndReason.MAX_DURATION


def test_somebody_who_never_pauses_is_ended_too() -> None:
    talk = Talk(length_ms=MINUTE)
    talk.at_pause = False
    assert talk.until(5 * MINUTE).ms == MINUTE + GRACE_MS


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (LimitKind.SESSIONS, EndReason.CAPACITY_FULL),
        (LimitKind.DAY_MINUTES, EndReason.BUDGET_EXHAUSTED),
        (LimitKind.MONTH_MINUTES, EndReason.BUDGET_EXHAUSTED),
        (LimitKind.DAY_SPEND, EndReason.BUDGET_EXHAUSTED),
        (LimitKind.MONTH_SPEND, EndReason.BUDGET_EXHAUSTED),
    ],
)
def test_a_budget_that_is_used_up_gives_notice(kind: LimitKind, reason: EndReason) -> None:
    talk = Talk().until(90_000)
    talk.keeper.standing = Standing(used_up=frozenset({kind}))
    talk.until(10 * MINUTE)
    assert talk.shown() == [(90, str(kind), 20)]
    assert (talk.ms, talk.end) == (90_500 + NOTICE_MS, reason)


def test_a_budget_that_was_raised_in_time_ends_nothing() -> None:
    talk = Talk().until(10_000)
    talk.keeper.standing = Standing(used_up=frozenset({LimitKind.DAY_SPEND}))
    talk.until(20_000)
    talk.keeper.standing = Standing()
    talk.until(10 * MINUTE)
    assert talk.end is None
    assert talk.shown() == [(10, "day-spend", 20), (20, "day-spend", None)]


def test_a_limit_that_is_lowered_takes_effect_with_notice() -> None:
    talk = Talk(length_ms=60 * MINUTE).until(10 * MINUTE)
    talk.keeper.standing = Standing(Bounds(length_ms=MINUTE))
    talk.until(60 * MINUTE)
    assert talk.shown() == [(600, "length", 20)]
    assert talk.ms == 10 * MINUTE + 500 + NOTICE_MS


def test_a_limit_that_is_raised_moves_the_end() -> None:
    talk = Talk(length_ms=10 * MINUTE).until(590_000)
    talk.keeper.standing = Standing(Bounds(length_ms=12 * MINUTE))
    talk.until(60 * MINUTE)
    assert talk.shown()[3:] == [(590, "length", 129), (660, "length", 60), (700, "length", 20)]
    assert talk.ms == 12 * MINUTE


def test_shares_of_ones_own_budget_are_told_once() -> None:
    talk = Talk()
    for percent in (80, 81, 95):
        talk.keeper.standing = Standing(near={LimitKind.DAY_MINUTES: percent})
        talk.until(talk.ms + 5_000)
    talk.keeper.standing = Standing()
    talk.until(talk.ms + 5_000)
    assert [say for _, say in talk.said] == [
        Say(LimitKind.DAY_MINUTES, percent=80),
        Say(LimitKind.DAY_MINUTES),
    ]


def test_a_share_becomes_an_end() -> None:
    talk = Talk()
    talk.keeper.standing = Standing(near={LimitKind.DAY_MINUTES: 99})
    talk.look()
    talk.keeper.standing = Standing(used_up=frozenset({LimitKind.DAY_MINUTES}))
    talk.look()
    assert [(say.percent, say.left_ms) for _, say in talk.said] == [(99, None), (None, NOTICE_MS)]


def test_warnings_by_what_is_left() -> None:
    assert [warning_at(left, None) for left in (300_001, 300_000, 60_001, 60_000, 20_000, -5)] == [
        None, 300_000, 300_000, 60_000, 20_000, 20_000,
    ]  # fmt: skip


# --- whatever happens -------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(1, 40_000),  # time that passes
        st.booleans(),  # somebody speaks
        st.one_of(st.none(), st.integers(20_000, 900_000)),  # length
        st.one_of(st.none(), st.integers(20_000, 400_000)),  # idle time
        st.booleans(),  # the budget is used up
    ),
    max_size=60,
)


@given(STEPS)
def test_nobody_is_ended_without_notice(
    steps: list[tuple[int, bool, int | None, int | None, bool]],
) -> None:
    keeper, ms, active_ms = Timekeeper(), 0, 0
    told: dict[LimitKind, tuple[int, int]] = {}  # since when, and for when
    for passed, speaks, length_ms, idle_ms, used_up in steps:
        ms += passed
        active_ms = ms if speaks else active_ms
        spent = frozenset({LimitKind.DAY_SPEND} if used_up else ())
        keeper.standing = Standing(Bounds(length_ms=length_ms, idle_ms=idle_ms), spent)
        verdict = keeper.look(ms, active_ms=active_ms, at_pause=not speaks)
        for say in verdict.say:
            if say.left_ms is None:
                del told[say.what]  # only what was told is taken back
            else:
                assert say.left_ms <= WARNINGS_MS[0]
                since, _ = told.get(say.what, (ms, 0))
                told[say.what] = since, ms + say.left_ms
        if verdict.end is not None:
            assert any(ms - since >= NOTICE_MS and ms >= end for since, end in told.values())
            return
