"""Arguments for a function call, from its declared schema and the words that were said.

Always the same for the same schema and words. A required parameter gets a value whatever
was said, an optional one only when its name or one of its values was said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from live.simulator.skills.asked import words_of
from live.simulator.skills.numbers import numbers_in

MAX_DEPTH = 6
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]")
_BETWEEN = re.compile(r"\s*[,;.?!]+(?:\s+|$)|\s+and\s+", re.IGNORECASE)
_FILLER = re.compile(
    r"^(?:(?:a|an|the|for|with|in|at|to|of|on|function|tool|please|now)\s+)+", re.IGNORECASE
)
_NO = frozenset("no not false off never without don't".split())


def arguments(schema: Mapping[str, Any], said: str) -> dict[str, Any]:
    """Return the arguments of one call; `said` are the words after the function's name."""
    return _object(schema, _Words(said), 0)


@dataclass
class _Words:
    """What was said, and how much of it has been used: numbers and pieces, in order."""

    said: str

    def __post_init__(self) -> None:
        self.words = words_of(self.said)
        self._numbers = iter(numbers_in(self.words))
        self._pieces = self._texts()
        self._last = ""

    def named(self, name: str) -> str | None:
        """Return the word after a parameter's name ("city is Lyon", "city=Lyon"), if any."""
        spaced = r"[\s_]*".join(map(re.escape, re.split(r"[_\W]+", name)))
        value = r"\s*(?:=|:|\bis\b|\bto\b)?\s*[\"\u201c]?([\w@.-]*\w)"
        match = re.search(rf"\b{spaced}\b{value}", self.said, re.IGNORECASE)
        return match[1] if match else None

    def one_of(self, values: Sequence[Any]) -> Any:
        """Return the first of these values that was said, or None."""
        spoken = f" {' '.join(self.words)} "
        plain = {" ".join(words_of(str(value).replace("_", " "))): value for value in values}
        return next((value for text, value in plain.items() if f" {text} " in spoken), None)

    def number(self) -> int:
        return next(self._numbers, 0)

    def text(self) -> str:
        """Return the next piece of text; the last one again when all are used."""
        self._last = next(self._pieces, self._last)
        return self._last

    def _texts(self) -> Iterator[str]:
        yield from _QUOTED.findall(self.said)
        for piece in _BETWEEN.split(_QUOTED.sub("", self.said)):
            text = _FILLER.sub("", piece.strip(" '\":,"))
            if text:
                yield text


def _object(schema: Mapping[str, Any], words: _Words, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or depth > MAX_DEPTH:
        return {}
    required = schema.get("required", list(properties))
    return {
        name: _value(name, inner, words, depth)
        for name, inner in properties.items()
        if isinstance(inner, dict) and (name in required or _wanted(name, inner, words))
    }


def _wanted(name: str, schema: Mapping[str, Any], words: _Words) -> bool:
    return words.named(name) is not None or words.one_of(schema.get("enum", ())) is not None


def _value(name: str, schema: Mapping[str, Any], words: _Words, depth: int) -> Any:
    if choices := schema.get("enum"):
        said = words.one_of(choices)
        return choices[0] if said is None else said
    match _type(schema):
        case "object":
            return _object(schema, words, depth + 1)
        case "array":
            return [_value(name, schema["items"], words, depth + 1)] if "items" in schema else []
        case "boolean":
            return _NO.isdisjoint(words.words)
        case "integer" | "number":
            return _number(name, schema, words)
        case _:
            return words.named(name) or words.text()


def _number(name: str, schema: Mapping[str, Any], words: _Words) -> float:
    named = numbers_in(words_of(words.named(name) or ""))
    number = named[0] if named else words.number()
    low, high = schema.get("minimum", number), schema.get("maximum", number)
    return max(float(low), number) if number < low else min(float(high), number)


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return str(kind[0] if isinstance(kind, list) and kind else kind).lower()
