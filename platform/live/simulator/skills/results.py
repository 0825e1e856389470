"""What a function answered, as something to say."""

from collections.abc import Mapping
from typing import Any

MAX_CHARS = 2000
_DEEPEST = 4


def told_result(name: str, response: Mapping[str, Any]) -> str:
    """Return a sentence with all that the response says (`output` and `error` by convention)."""
    if response.get("error"):
        return f"{name} failed: {_ended(_plain(response['error']))}"
    output = response.get("output", response.get("result", response))
    text = _plain(output)
    return f"{name} says: {_ended(text)}" if text else f"{name} is done."


def _ended(text: str) -> str:
    text = text[:MAX_CHARS]
    return text if text[-1:] in (".", "!", "?") else f"{text}."


def _plain(value: Any, depth: int = 0) -> str:
    if depth > _DEEPEST:
        return "more"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item, depth + 1)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item, depth + 1) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)
