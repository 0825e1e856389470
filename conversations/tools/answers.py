"""What a tool's server said, as a JSON object for the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conversations.tools.exchange import Answer
from conversations.tools.outcomes import CallFailed

# Of an error page the model needs no more than what went wrong.
MOST_OF_AN_ERROR = 2000


class Unreadable(CallFailed):
    """The answer is neither JSON nor text."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "answer_unreadable", "The tool's answer cannot be used.", summary=f"The answer {what}."
        )


def read_answer(answer: Answer) -> Mapping[str, Any]:
    """A JSON object as it is, anything else as `{"result": …}`. Raises Unreadable."""
    kind = _kind(answer)
    if not answer.body:
        return {"result": None}
    if kind == "application/json" or kind.endswith("+json"):
        value = parse(answer.body)
        return value if isinstance(value, dict) else {"result": value}
    if kind.startswith("text/") or not kind:
        return {"result": _text(answer.body)}
    raise Unreadable("is neither JSON nor text: its Content-Type says something else")


def shortened(answer: Answer) -> str | None:
    """The beginning of an error's text, or of its JSON; None when it has none."""
    try:
        text = _text(answer.body)
    except Unreadable:
        return None
    return text[:MOST_OF_AN_ERROR] or None


def parse(body: bytes) -> Any:
    """JSON, without the numbers that only JavaScript knows. Raises Unreadable."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unreadable("says that it is JSON, and is not") from None


def compact(value: Any) -> bytes:
    """JSON as it is sent: in the order it came, with no spaces. Half a character becomes "?"."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _kind(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
