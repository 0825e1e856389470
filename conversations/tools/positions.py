"""On which line of a JSON text each of its values begins."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # Python's own, in C

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every key and item. `text` is valid JSON."""
    found: dict[Path, int] = {(): 1}
    _value(text, _skip(text, 0), (), found)
    return found


def _value(text: str, at: int, path: Path, found: dict[Path, int]) -> int:
    """Note what is in the value that begins at `at`; where it ends."""
    opening = text[at]
    if opening not in "{[":
        return _DECODER.raw_decode(text, at)[1]
    at, number = _skip(text, at + 1), 0
    while text[at] not in "}]":
        begins, key = at, number
        if opening == "{":
            key, at = scanstring(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)  # past the colon
        found[(*path, key)] = text.count("\n", 0, begins) + 1
        at = _skip(text, _value(text, at, (*path, key), found))
        at = _skip(text, at + 1) if text[at] == "," else at
        number += 1
    return at + 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
