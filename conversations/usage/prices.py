"""What tokens cost, by the table of prices. What has no price is never counted as free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from conversations.models import Price
from conversations.states import TokenKind
from conversations.usage.records import Tokens

PER = 1_000_000
ALL = "*"  # at the end of a price's model: every model that begins so


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of a cost, in micro-units, and for how many tokens nothing is."""

    micros: int = 0
    currency: str = ""
    unpriced_tokens: int = 0


class Tariff:
    """The prices as they stand. They are all of one currency (see `PriceForm`): one of another
    counts as not known, because a sum of both would mean nothing."""

    def __init__(self, prices: Iterable[Price]) -> None:
        # The most telling first: a whole name before a beginning, a long one before a short one,
        # and of the same model the newest.
        self._prices = sorted(
            prices, key=lambda each: (not _is_whole(each), -len(each.model), -_days(each))
        )
        self.currency = self._prices[0].currency if self._prices else ""

    @classmethod
    def current(cls) -> Tariff:
        """As the table stands now, which is read in one statement."""
        return cls(Price.objects.all())

    def cost(self, model: str, day: date, tokens: Tokens) -> Cost:
        """What `tokens` cost that were used on `day`, rounded once, half up."""
        exact = unpriced = 0
        for kind, count in tokens.items():
            price = self._price(model, kind, day)
            if price is None:
                unpriced += count
            else:
                exact += count * price
        currency = self.currency if tokens else ""
        return Cost((exact + PER // 2) // PER, currency, unpriced)

    def _price(self, model: str, kind: TokenKind, day: date) -> int | None:
        name = model_name(model)
        for each in self._prices:
            if each.kind == kind and each.valid_from <= day and _is_of(each, name):
                return each.micros_per_million if each.currency == self.currency else None
        return None


def model_name(model: str) -> str:
    """The name without `models/` or a project's path before it."""
    return model.rsplit("/", 1)[-1]


def _is_whole(price: Price) -> bool:
    return not price.model.endswith(ALL)


def _is_of(price: Price, name: str) -> bool:
    if _is_whole(price):
        return price.model == name
    return name.startswith(price.model.removesuffix(ALL))


def _days(price: Price) -> int:
    return price.valid_from.toordinal()
