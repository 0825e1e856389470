"""How late this process's event loop wakes, and whether that is too late to take on more. Pure.

Everything a worker does for its conversations waits in one loop: when that falls behind, every
voice in the process does. So a worker stops taking conversations before anybody hears it, and
begins again well below the mark, so that it does not flutter.
"""

from __future__ import annotations

from math import exp
from typing import Final

# One collection of garbage, or one burst, is no trend: about three seconds are.
SMOOTHING_S: Final = 3.0
# A loop that was too late is in time again below this share of the mark.
IN_TIME: Final = 0.4
# How often it is measured: a wake-up costs a few microseconds.
LOOK_S: Final = 0.1


class LagGauge:
    """`smoothed_s` is the lag as it has been lately; all times are seconds on one clock.
    `too_late_s`: the mark, infinite to take on more however late it is."""

    def __init__(self, too_late_s: float) -> None:
        self.smoothed_s = 0.0
        self.is_late = False
        self._too_late_s = too_late_s
        self._at: float | None = None

    def woke(self, due: float, now: float) -> None:
        """The loop was to wake at `due` and did so now."""
        lag = max(0.0, now - due)
        passed = now - (due if self._at is None else self._at)
        weight = 1.0 - exp(-max(0.0, passed) / SMOOTHING_S)
        self._at = now
        self.smoothed_s += (lag - self.smoothed_s) * weight
        mark = IN_TIME if self.is_late else 1.0
        self.is_late = self.share > mark

    @property
    def share(self) -> float:
        """How near it is to being too late: 1 is there."""
        return self.smoothed_s / self._too_late_s
