"""Bar charts as numbers for plain SVG: no script and no other host draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

WIDTH, HEIGHT = 300, 72  # of the drawing, in its own units
_GAP = 2
_LEAST = 2  # a day with anything at all is seen


@dataclass(frozen=True, slots=True)
class Bar:
    """`tone` names the colour."""

    x: float
    y: float
    width: float
    height: float
    title: str
    tone: str


@dataclass(frozen=True, slots=True)
class Series:
    """A value for each day; the label says of what."""

    label: str
    tone: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the legend."""

    label: str
    tone: str
    total: str


def said(value: float) -> str:
    """A number as people read it: with one decimal only where it is small and has one."""
    whole = round(value)
    return f"{whole:,}" if abs(value) >= 100 or value == whole else f"{value:,.1f}"


@dataclass(frozen=True, slots=True)
class Chart:
    """`summary` says in words what a reader of bars would see. One with several series has a
    legend, which leaves out what there is nothing of."""

    title: str
    total: str
    bars: list[Bar]
    summary: str
    first: date
    last: date
    legend: list[Key]
    width: int = WIDTH
    height: int = HEIGHT

    @classmethod
    def of(
        cls,
        title: str,
        days: Sequence[date],
        values: Sequence[float],
        tone: str,
        *,
        say: Callable[[float], str] = said,
    ) -> Chart:
        """A bar for each day; `values` belong to `days`."""
        return cls.stacked(title, days, [Series("", tone, values)], say=say)

    @classmethod
    def stacked(
        cls,
        title: str,
        days: Sequence[date],
        series: Sequence[Series],
        *,
        say: Callable[[float], str] = said,
    ) -> Chart:
        """A bar for each day, made of a piece for each series, the first one below."""
        sums = [sum(values) for values in zip(*(each.values for each in series), strict=True)]
        top, total = max(sums, default=0), say(sum(sums))
        legend = [
            Key(each.label, each.tone, say(sum(each.values)))
            for each in series
            if each.label and any(each.values)
        ]
        summary = f"{title}: {total} in {len(days)} days, at most {say(top)} a day."
        bars = list(_bars(days, series, top, say))
        return cls(title, total, bars, summary, days[0], days[-1], legend)

    def saying(self, total: str) -> Chart:
        """The same bars, with a total that says more than their sum."""
        return replace(self, total=total)


def _bars(
    days: Sequence[date], series: Sequence[Series], top: float, say: Callable[[float], str]
) -> Iterator[Bar]:
    step = WIDTH / len(days)
    for number, day in enumerate(days):
        base: float = HEIGHT
        for each in series:
            if not (value := each.values[number]):
                continue
            height = max(_LEAST, round(value / top * HEIGHT, 1))
            base = max(0, round(base - height, 1))
            title = f"{day:%d %b}: {say(value)} {each.label.lower()}".rstrip()
            x, width = round(number * step, 1), round(step - _GAP, 1)
            yield Bar(x, base, width, height, title, each.tone)
