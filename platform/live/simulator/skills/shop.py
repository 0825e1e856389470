"""The demo shop: shoes, sizes, prices, delivery, returns, stock.

When the system instruction has lines that begin with `Fact:`, the answers come from
them instead, and the built-in shop is not mentioned.
"""

from collections import Counter
from dataclasses import dataclass

from live.simulator.skills.asked import Asked, words_of
from live.simulator.skills.numbers import numbers_in

_IDLE = frozenset(
    "a an and are as at be but by can could do does for from get give had has have how i i'd i'm "
    "in is it its know like long many me my of on or our please say so tell than that the "
    "their there they this to was we what what's when where which who why will with would you "
    "your yours about any if some us also just hello hi hey".split()
)
# Words for the same thing: a question and a fact meet on the first of each row.
_SAME = {
    word: row[0]
    for row in (
        ("price", "cost", "costs", "prices", "expensive", "cheap", "euro", "euros", "pay", "much"),
        ("delivery", "deliver", "delivered", "ship", "shipping", "shipped", "arrive"),
        ("return", "returned", "refund", "refunded", "exchange", "send", "back"),
        ("stock", "available", "availability", "left"),
        ("open", "opening", "opens", "close", "closes", "hours"),
        ("size", "sized"),
    )
    for word in row
}


@dataclass(frozen=True)
class Shoe:
    """One product: price in cents, the sizes made, pairs in stock by city."""

    name: str
    words: frozenset[str]
    cents: int
    sizes: range
    stock: dict[str, int]

    @property
    def price(self) -> str:
        euros, cents = divmod(self.cents, 100)
        return f"{euros}.{cents:02} euros" if cents else f"{euros} euros"


SHOES = (
    Shoe(
        "Trail Runner",
        frozenset({"trail", "runner", "runners", "running"}),
        8990,
        range(36, 48),
        {"Lyon": 12, "Paris": 4, "Marseille": 0},
    ),
    Shoe(
        "City Walker",
        frozenset({"city", "walker", "walkers", "walking"}),
        6450,
        range(35, 47),
        {"Lyon": 7, "Paris": 15, "Marseille": 9},
    ),
    Shoe(
        "Mountain Boot",
        frozenset({"mountain", "boot", "boots", "hiking"}),
        14900,
        range(38, 48),
        {"Lyon": 3, "Paris": 0, "Marseille": 2},
    ),
    Shoe(
        "Kids Sprint",
        frozenset({"kids", "sprint", "children", "child"}),
        3990,
        range(26, 36),
        {"Lyon": 20, "Paris": 11, "Marseille": 6},
    ),
)
_CITIES = {city.lower(): city for city in SHOES[0].stock}
_ABOUT_SHOES = frozenset("price shoe catalogue product sell buy sneaker".split())
_DELIVERY = (
    "Delivery takes two to three working days and costs 4.90 euros. It is free from 60 euros on."
)
_RETURNS = (
    "You can return unworn shoes within 30 days, free of charge. The refund takes about five days."
)
_HOURS = "Our shops in Lyon, Paris and Marseille are open from ten to seven, Monday to Saturday."
_SAID_ALWAYS = {"delivery": _DELIVERY, "return": _RETURNS, "open": _HOURS}


def shop(asked: Asked) -> str | None:
    """Answer from the instruction's facts, or about the built-in shop."""
    return _from_facts(asked) if asked.facts else _from_catalogue(asked)


def _from_facts(asked: Asked) -> str | None:
    wanted = _topics(asked.words)
    topics = [_topics(words_of(fact)) for fact in asked.facts]
    # A word that many facts share says little about which one is meant.
    frequency = Counter(topic for found in topics for topic in found)
    scores = [sum(1 / frequency[topic] for topic in wanted & found) for found in topics]
    best = max(scores)
    if not best:
        return None
    chosen = [fact for fact, score in zip(asked.facts, scores, strict=True) if score == best]
    return " ".join(fact if fact[-1] in ".!?" else f"{fact}." for fact in chosen[:2])


def _topics(words: list[str]) -> set[str]:
    plain = {_SAME.get(word, word) for word in words if word not in _IDLE}
    return {_SAME.get(word.removesuffix("s"), word.removesuffix("s")) for word in plain}


def _from_catalogue(asked: Asked) -> str | None:
    topics = _topics(asked.words)
    city = next((_CITIES[word] for word in asked.words if word in _CITIES), None)
    if found := next((text for topic, text in _SAID_ALWAYS.items() if topic in topics), None):
        return found
    shoe = _shoe_meant(asked, city)
    if "stock" in topics or city:
        return _stock(shoe, city)
    if "size" in topics:
        return _sizes(shoe, numbers_in(asked.words))
    if shoe:
        return f"The {shoe.name} costs {shoe.price}. It comes in {_size_range(shoe)}."
    return _offers() if topics & _ABOUT_SHOES else None


def _offers() -> str:
    offers = ", ".join(f"the {shoe.name} for {shoe.price}" for shoe in SHOES)
    return f"We have {offers}. Which one would you like to know more about?"


def _shoe_meant(asked: Asked, city: str | None) -> Shoe | None:
    named = next((shoe for shoe in SHOES if not shoe.words.isdisjoint(asked.words)), None)
    refers = city or asked.has("it", "them", "they", "those", "that", "one")
    return _mentioned_before(asked) if named is None and refers else named


def _mentioned_before(asked: Asked) -> Shoe | None:
    for said in reversed(asked.history):
        for shoe in SHOES:
            if shoe.name in said.text or not shoe.words.isdisjoint(words_of(said.text)):
                return shoe
    return None


def _stock(shoe: Shoe | None, city: str | None) -> str:
    if shoe is None:
        place = f"In {city}" if city else "In our shops"
        return f"{place} we have running shoes, city shoes and boots. Which shoe do you mean?"
    if city is None:
        counts = ", ".join(f"{count or 'none'} in {name}" for name, count in shoe.stock.items())
        return f"Of the {shoe.name} we have {counts}."
    count = shoe.stock[city]
    if count:
        return f"Yes, we have {count} pairs of the {shoe.name} in stock in {city}."
    other = max(shoe.stock, key=lambda name: shoe.stock[name])
    return f"The {shoe.name} is sold out in {city}, but we have {shoe.stock[other]} in {other}."


def _sizes(shoe: Shoe | None, numbers: list[int]) -> str:
    size = next((number for number in numbers if 20 <= number <= 60), None)
    if shoe is None:
        return (
            "Shoes for adults come in sizes 35 to 47, for children in 26 to 35. "
            "Which shoe do you mean?"
        )
    if size is None:
        return f"The {shoe.name} comes in {_size_range(shoe)}."
    if size in shoe.sizes:
        return f"Yes, the {shoe.name} comes in size {size}, for {shoe.price}."
    return f"Size {size} is not made for the {shoe.name}: it comes in {_size_range(shoe)}."


def _size_range(shoe: Shoe) -> str:
    return f"sizes {shoe.sizes.start} to {shoe.sizes.stop - 1}"
