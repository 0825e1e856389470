"""The words of a table of states as the choices of a column."""

from __future__ import annotations

from collections.abc import Iterable


def choices(words: Iterable[str]) -> list[tuple[str, str]]:
    return [
        (str(word), str(word).replace("-", " ").replace("_", " ").capitalize()) for word in words
    ]
