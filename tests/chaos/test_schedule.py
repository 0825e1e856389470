"""Schedules repeat from their seed, and reach every fault."""

from __future__ import annotations

import random

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import schedule


def test_the_same_seed_makes_the_same_schedule() -> None:
    first, again = (schedule(random.Random(7), FAULTS, 20.0) for _ in range(2))
    assert first == again
    assert first != schedule(random.Random(8), FAULTS, 20.0)


def test_a_schedule_is_about_as_long_as_was_wanted() -> None:
    longest = 3.0 + max(fault.brief[1] for fault in FAULTS.values())
    for seed in range(50):
        total = sum(a.pause_s + a.lasts_s for a in schedule(random.Random(seed), FAULTS, 20.0))
        assert 20.0 <= total <= 20.0 + longest


def test_a_hundred_seeds_reach_every_fault_alone_and_beside_another() -> None:
    acts = [a for seed in range(100) for a in schedule(random.Random(seed), FAULTS, 20.0)]
    assert {act.fault.name for act in acts} == set(FAULTS)
    assert {act.fault.name for act in acts if act.beside} == set(FAULTS)
    assert all(a.fault.brief[0] <= a.lasts_s <= a.fault.brief[1] for a in acts)
