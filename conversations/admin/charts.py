"""Bar charts as numbers for plain SVG: no script and no other host draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 300, 72  # of the drawing, in its own units
_GAP = 2
_LEAST = 2  # a day with anything at all is seen


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`tone` names the colour. `summary` says in words what a reader of bars would see."""

    title: str
    total: str
    tone: str
    bars: list[Bar]
    summary: str
    first: date
    last: date
    width: int = WIDTH
    height: int = HEIGHT

    @classmethod
    def of(cls, title: str, days: Sequence[date], values: Sequence[float], tone: str) -> Chart:
        """A bar for each day; `values` belong to `days`."""
        top = max(values, default=0)
        step = WIDTH / len(days)
        bars = [
            _bar(number * step, step - _GAP, value / top, f"{day:%d %b}: {said(value)}")
            for number, (day, value) in enumerate(zip(days, values, strict=True))
            if value
        ]
        total = said(sum(values))
        summary = f"{title}: {total} in {len(days)} days, at most {said(top)} a day."
        return cls(title, total, tone, bars, summary, days[0], days[-1])


def said(value: float) -> str:
    """A number as people read it: with one decimal only where it is small and has one."""
    whole = round(value)
    return f"{whole:,}" if abs(value) >= 100 or value == whole else f"{value:,.1f}"


def _bar(x: float, width: float, share: float, title: str) -> Bar:
    height = max(_LEAST, round(share * HEIGHT, 1))
    return Bar(round(x, 1), round(HEIGHT - height, 1), round(width, 1), height, title)
