import pytest

from conversations.usage.money import Money, decimal


@pytest.mark.parametrize(
    ("micros", "places", "said"),
    [
        (0, 2, "0.00"),
        (1_234_567_890, 2, "1,234.57"),
        (5_000, 2, "0.01"),
        (4_999, 2, "0.00"),
        (-4_999, 2, "0.00"),
        (-12_340_000, 2, "-12.34"),
        (995_000, 2, "1.00"),
        (50, 4, "0.0001"),
        (7, 6, "0.000007"),
    ],
)
def test_decimals_are_exact(micros: int, places: int, said: str) -> None:
    assert decimal(micros, places) == said


def test_an_amount_has_its_currency() -> None:
    assert str(Money(12_340_000, "USD")) == "12.34 USD"
    assert str(Money(0)) == "0.00"


def test_small_change_is_seen() -> None:
    assert str(Money(4_200, "EUR")) == "0.0042 EUR"


def test_what_is_not_known_is_said() -> None:
    assert str(Money(0, "USD", unpriced_tokens=3)) == "unknown"
    part = Money(12_340_000, "USD", unpriced_tokens=3)
    assert (str(part), part.short) == ("at least 12.34 USD", "≥ 12.34 USD")
