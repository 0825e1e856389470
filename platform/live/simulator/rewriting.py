"""What a script does to every message on its way out: repeat, adorn, join, delay. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from live.simulator import frames
from live.simulator.scenario import Adorn, Do, Join, LateTranscripts, Repeat, SplitCalls

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
        case LateTranscripts(pieces=pieces):
            return _LateTranscripts(pieces)
        case SplitCalls():
            return _split_calls
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


def _split_calls(sent: Iterable[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for each in sent:
        calls = json.loads(each).get("toolCall", {}).get("functionCalls", [])
        split = [frames.frame({"toolCall": {"functionCalls": [call]}}) for call in calls]
        found += split or [each]
    return found


class _LateTranscripts:
    """Holds what the user said back, and tells it in pieces, one after each of the answer."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self._held: list[dict[str, Any]] = []

    def __call__(self, sent: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for each in sent:
            content = json.loads(each).get("serverContent", {})
            if "inputTranscription" in content:
                self._hold(content["inputTranscription"])
                continue
            if "turnComplete" in content:
                found += self._told(len(self._held))
            found.append(each)
            if "modelTurn" in content:
                found += self._told(1)
        return found

    def _hold(self, heard: Mapping[str, Any]) -> None:
        words = re.findall(r"\s*\S+", heard.get("text", ""))
        size = -(-len(words) // self._pieces) if self._pieces else 0
        starts = range(0, len(words), size) if size else range(0)
        pieces = [{"text": "".join(words[start : start + size])} for start in starts]
        if pieces:
            pieces[-1] = {**heard, **pieces[-1]}
        self._held += pieces

    def _told(self, count: int) -> list[bytes]:
        told, self._held = self._held[:count], self._held[count:]
        return [frames.content(inputTranscription=piece) for piece in told]


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
            told = self._content.setdefault("outputTranscription", {})
            piece = content["outputTranscription"]
            self._content["outputTranscription"] = {**told, **piece}
            if "text" in told:
                self._content["outputTranscription"]["text"] = told["text"] + piece.get("text", "")
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
