"""When a worker's loop is too late to take on more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.worker.lag import IN_TIME, LOOK_S, SMOOTHING_S, LagGauge

TOO_LATE_S = 0.1
BETWEEN_S = TOO_LATE_S * (1 + IN_TIME) / 2


class Loop:
    """A loop that wakes late, as it is told."""

    def __init__(self) -> None:
        self.now = 50.0
        self.gauge = LagGauge(TOO_LATE_S)

    def is_late(self) -> bool:
        return self.gauge.is_late

    def run(self, seconds: float, *, lag: float) -> None:
        end = self.now + seconds
        while self.now < end:
            due = self.now + LOOK_S
            self.now = due + lag
            self.gauge.woke(due, self.now)


def test_one_long_pause_is_no_trend() -> None:
    loop = Loop()
    loop.run(5, lag=0.001)
    loop.run(0.1, lag=0.2)
    assert not loop.is_late()
    assert loop.gauge.smoothed_s > 0.01


def test_a_loop_that_stays_late_stops_the_intake_and_opens_it_well_below() -> None:
    loop = Loop()
    loop.run(SMOOTHING_S * 2, lag=TOO_LATE_S * 2)
    assert loop.is_late()
    assert loop.gauge.share > 1
    loop.run(SMOOTHING_S * 3, lag=BETWEEN_S)
    assert loop.is_late(), "between the marks it stays as it is"
    assert loop.gauge.share < 1
    loop.run(SMOOTHING_S * 3, lag=0.0)
    assert not loop.is_late()
    loop.run(SMOOTHING_S * 3, lag=BETWEEN_S)
    assert not loop.is_late()


def test_without_a_mark_it_is_never_too_late() -> None:
    gauge = LagGauge(math.inf)
    gauge.woke(0.0, 1e6)
    assert gauge.smoothed_s > 1e5
    assert (gauge.is_late, gauge.share) == (False, 0.0)


@given(st.lists(st.tuples(st.floats(-1, 100), st.floats(0, 100)), max_size=50))
def test_it_stays_within_what_was_measured(wakes: list[tuple[float, float]]) -> None:
    gauge, now, worst = LagGauge(TOO_LATE_S), 0.0, 0.0
    for lag, passed in wakes:
        now += passed
        worst = max(worst, lag)
        gauge.woke(now - lag, now)
        assert 0.0 <= gauge.smoothed_s <= worst + 1e-6
    assert gauge.share == pytest.approx(gauge.smoothed_s / TOO_LATE_S)
