from datetime import date, timedelta

from conversations.models import Price
from conversations.states import TokenKind as K
from conversations.usage.prices import Cost, Tariff

FROM = date(2026, 1, 1)


def price(model: str, kind: K, micros: int | None, valid_from: date = FROM, **fields: str) -> Price:
    return Price(model=model, kind=kind, micros_per_million=micros, valid_from=valid_from, **fields)


def cost(*prices: Price, model: str = "gemini-3.8-live", day: date = FROM, **tokens: int) -> Cost:
    return Tariff(prices).cost(model, day, {K(kind): count for kind, count in tokens.items()})


def test_each_kind_has_its_price() -> None:
    table = (
        price("gemini-3.8-live", K.TEXT_IN, 750_000),
        price("gemini-3.8-live", K.AUDIO_OUT, 12_000_000),
    )
    assert cost(*table, text_in=2000, audio_out=100) == Cost(1500 + 1200, "USD")


def test_it_is_rounded_once_and_half_up() -> None:
    table = (
        price("gemini-3.8-live", K.TEXT_IN, 250_000),
        price("gemini-3.8-live", K.TEXT_OUT, 250_000),
    )
    assert cost(*table, text_in=1).micros == 0
    assert cost(*table, text_in=1, text_out=1).micros == 1, "two quarters are a half"
    assert cost(*table, text_in=5).micros == 1
    assert cost(*table, text_in=6).micros == 2


def test_what_has_no_price_is_counted_and_never_free() -> None:
    table = (
        price("gemini-3.8-live", K.TEXT_IN, 1_000_000),
        price("gemini-3.8-live", K.VIDEO_IN, None),
    )
    assert cost(*table, text_in=5, audio_in=7, video_in=2) == Cost(5, "USD", unpriced_tokens=9)
    assert cost(*table, model="gemini-9", text_in=5) == Cost(0, "USD", unpriced_tokens=5)
    assert cost(text_in=5) == Cost(0, "", unpriced_tokens=5)


def test_free_is_a_price() -> None:
    assert cost(price("gemini-3.8-live", K.TEXT_IN, 0), text_in=5) == Cost(0, "USD")


def test_a_price_is_valid_from_its_day() -> None:
    change = FROM + timedelta(days=31)
    table = (
        price("gemini-3.8-live", K.TEXT_IN, 1_000_000),
        price("gemini-3.8-live", K.TEXT_IN, 2_000_000, change),
    )
    days = (FROM - timedelta(days=1), FROM, change - timedelta(days=1), change)
    assert [cost(*table, day=day, text_in=1) for day in days] == [
        Cost(0, "USD", unpriced_tokens=1),
        Cost(1, "USD"),
        Cost(1, "USD"),
        Cost(2, "USD"),
    ]


def test_the_whole_name_goes_before_its_beginning() -> None:
    table = (
        price("gemini-*", K.TEXT_IN, 1_000_000),
        price("gemini-3*", K.TEXT_IN, 2_000_000),
        price("gemini-3.8-live", K.TEXT_IN, 3_000_000),
    )
    models = ("gemini-2.5", "gemini-3.1-flash-live", "gemini-3.8-live", "other")
    assert [cost(*table, model=model, text_in=1).micros for model in models] == [1, 2, 3, 0]
    assert cost(*table, model="gemini-3.8-live-extended-thinking", text_in=1).micros == 2


def test_a_path_before_the_name_does_not_matter() -> None:
    table = price("gemini-3.8-live", K.TEXT_IN, 1_000_000)
    for path in ("models/", "projects/p/locations/l/publishers/google/models/"):
        assert cost(table, model=f"{path}gemini-3.8-live", text_in=4) == Cost(4, "USD")


def test_another_currency_is_not_added_up() -> None:
    table = (
        price("gemini-3.8-live", K.TEXT_IN, 1_000_000),
        price("gemini-*", K.TEXT_OUT, 1_000_000, currency="EUR"),
    )
    assert cost(*table, text_in=1, text_out=1) == Cost(1, "USD", unpriced_tokens=1)
