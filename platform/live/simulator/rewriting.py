"""What a script does to every message on its way out: repeat, adorn, join. Pure."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from live.simulator import frames
from live.simulator.scenario import Adorn, Do, Join, Repeat

MAX_DEPTH = 12
Rewriter = Callable[[list[bytes]], list[bytes]]


def rewriter(do: Do) -> Rewriter | None:
    """Return what an action does to frames that are sent together; None for no such action."""
    match do:
        case Repeat(keys=keys):
            return lambda sent: _repeated(sent, frozenset(keys))
        case Adorn(fields=fields):
            return lambda sent: [_adorned_frame(each, fields) for each in sent]
        case Join():
            return _Joiner(do.parts)
        case _:
            return None


def _repeated(sent: Iterable[bytes], keys: frozenset[str]) -> list[bytes]:
    found: list[bytes] = []
    for each in sent:
        message = json.loads(each)
        named = message.keys() | message.get("serverContent", {}).keys()
        found += [each] if keys.isdisjoint(named) else [each, each]
    return found


def _adorned_frame(sent: bytes, fields: Mapping[str, Any]) -> bytes:
    message = json.loads(sent)
    # An empty message stays one: with nothing but unknown fields it would be another thing.
    return frames.frame(_adorned(message, fields)) if message else sent


def _adorned(value: Any, fields: Mapping[str, Any], depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_adorned(item, fields, depth + 1) for item in value]
    if isinstance(value, dict):
        inner = {
            # A function's arguments are the caller's own, not fields of the protocol.
            key: item if key == "args" else _adorned(item, fields, depth + 1)
            for key, item in value.items()
        }
        return {**inner, **fields}
    return value


class _Joiner:
    """Keeps pieces of an answer back until there are `most`, or something else is sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[Any] = []
        self._content: dict[str, Any] = {}

    def __call__(self, sent: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for each in sent:
            if self._keep(json.loads(each).get("serverContent")):
                found += self._joined() if len(self._parts) >= self._most else []
            else:
                found += [*self._joined(), each]
        return found

    def _keep(self, content: dict[str, Any] | None) -> bool:
        if not content or not content.keys() <= {"modelTurn", "outputTranscription"}:
            return False
        turn = content.get("modelTurn", {})
        self._parts += turn.get("parts", [])
        self._content.setdefault("modelTurn", {}).update(turn)
        if "outputTranscription" in content:
            told = self._content.setdefault("outputTranscription", {"text": ""})
            told["text"] += content["outputTranscription"]["text"]
        return True

    def _joined(self) -> list[bytes]:
        content, self._content = self._content, {}
        parts, self._parts = self._parts, []
        if not content:
            return []
        if parts:
            content["modelTurn"]["parts"] = parts
        else:
            del content["modelTurn"]
        return [frames.content(**content)]
