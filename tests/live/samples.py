"""Messages of the Live API as Google and its SDKs send them, with their sources."""

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_suffix(".jsonl")
_LINES = [json.loads(line) for line in _FILE.read_text("utf-8").splitlines()]


def samples(direction: str) -> list[tuple[str, dict[str, Any]]]:
    """Kind and message of every sample that goes this way: `server` or `client`."""
    return [(line["kind"], line["json"]) for line in _LINES if line["dir"] == direction]


def sample(kind: str) -> dict[str, Any]:
    """The first sample of a kind."""
    return next(line["json"] for line in _LINES if line["kind"] == kind)


def scene(name: str) -> list[tuple[str, dict[str, Any]]]:
    """A recorded scene in order: direction and message."""
    lines = sorted(
        (line for line in _LINES if line.get("seq") == name), key=lambda line: int(line["n"])
    )
    return [(line["dir"], line["json"]) for line in lines]


def on_the_wire(message: dict[str, Any]) -> bytes:
    """As Google writes it: two spaces, a newline at the end."""
    return json.dumps(message, indent=2).encode() + b"\n"
