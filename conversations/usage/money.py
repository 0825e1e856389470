"""Sums of money as people read them. What is not known is said, never shown as nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """Micro-units of a currency; for `unpriced_tokens` of what it covers, nothing is known."""

    micros: int
    currency: str = ""
    unpriced_tokens: int = 0

    @property
    def is_unknown(self) -> bool:
        return self.unpriced_tokens > 0 and not self.micros

    def __str__(self) -> str:
        if self.is_unknown:
            return "unknown"
        return f"at least {self.amount}" if self.unpriced_tokens else self.amount

    @property
    def short(self) -> str:
        """For figures and tables."""
        return str(self).replace("at least", "≥")

    @property
    def amount(self) -> str:
        """The amount as far as it is known; below a tenth of a unit with its small change."""
        places = 4 if 0 < abs(self.micros) < MICROS // 10 else 2
        return f"{decimal(self.micros, places)} {self.currency}".strip()


def decimal(micros: int, places: int) -> str:
    """Whole units with so many decimals (at most 6), half up, without a float between."""
    unit: int = 10 ** (6 - places)
    rounded = (abs(micros) + unit // 2) // unit
    whole, part = divmod(rounded, 10**places)
    sign = "-" if micros < 0 and rounded else ""
    return f"{sign}{whole:,}.{part:0{places}d}"
