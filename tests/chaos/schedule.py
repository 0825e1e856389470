"""Which faults strike when, from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.faults import Fault


@dataclass(frozen=True)
class Act:
    """After `pause_s` without any, a fault for `lasts_s`; `beside`: the next one comes with it."""

    fault: Fault
    pause_s: float
    lasts_s: float
    beside: bool = False

    def __str__(self) -> str:
        mark = " +" if self.beside else ""
        return f"{self.pause_s:.1f} s, {self.fault.name} for {self.lasts_s:.1f} s{mark}"


def schedule(
    dice: random.Random, faults: Mapping[str, Fault], length_s: float, beside: float = 0.2
) -> list[Act]:
    """Faults for about `length_s` seconds; with chance `beside` two come at once."""
    acts: list[Act] = []
    left = length_s
    names = sorted(faults)
    while left > 0:
        chosen = faults[dice.choice(names)]
        lasts = dice.uniform(*chosen.brief)
        pause = dice.uniform(0.5, 3.0)
        acts.append(Act(chosen, pause, lasts, dice.random() < beside))
        left -= pause + lasts
    return acts
