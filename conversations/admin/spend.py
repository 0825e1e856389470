"""What was used and spent, as the admin shows it: the month's spend, and charts of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from conversations.admin.charts import Chart, Series
from conversations.usage.money import Money
from conversations.usage.periods import DAY, day_of, forecast, month_of, start_of
from conversations.usage.report import Line, by_day, first_day, total_of


@dataclass(frozen=True, slots=True)
class Spend:
    """The month so far, and what it comes to if it goes on so; `last` is the month's last day."""

    so_far: Line
    forecast: Money
    last: date

    @property
    def is_nothing(self) -> bool:
        return not (self.so_far.tokens or self.so_far.talked_ms)


def spend_of_month(now: datetime) -> Spend:
    """Of the scope's tenant, or of the whole platform."""
    begins, following = month_of(now)
    so_far = total_of(by_day(day_of(begins), day_of(now)).values())
    began = first_day()
    micros = forecast(so_far.cost_micros, now, since=None if began is None else start_of(began))
    money = Money(micros, so_far.currency, so_far.unpriced_tokens)
    return Spend(so_far, money, day_of(following) - DAY)


def usage_charts(lines: Mapping[date, Line], days: Sequence[date]) -> list[Chart]:
    """Minutes, tokens by modality and spend of each of the days."""
    return [minutes_chart(lines, days), *cost_charts(lines, days)]


def minutes_chart(lines: Mapping[date, Line], days: Sequence[date]) -> Chart:
    return Chart.of("Minutes", days, [line.minutes for line in _each(lines, days)], "live")


def cost_charts(lines: Mapping[date, Line], days: Sequence[date]) -> list[Chart]:
    each = _each(lines, days)
    tokens = [
        Series("Text", "accent", [line.text_in + line.text_out for line in each]),
        Series("Audio", "live", [line.audio_in + line.audio_out for line in each]),
        Series("Images and video", "warn", [line.seen_in for line in each]),
        Series("Other", "quiet", [line.other_in + line.other_out for line in each]),
    ]
    costs = [line.cost_micros for line in each]
    total = total_of(each)

    def say(micros: float) -> str:
        return str(Money(int(micros), total.currency))

    spend = Chart.of("Spend", days, costs, "accent", say=say)
    return [Chart.stacked("Tokens", days, tokens), spend.saying(total.cost.short)]


def _each(lines: Mapping[date, Line], days: Sequence[date]) -> list[Line]:
    return [lines.get(day, Line()) for day in days]
