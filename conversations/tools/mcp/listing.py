"""The tools that a server has listed, as they are kept, and how the model knows them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_TOOLS = 64
MOST_OF_A_TOOL = 16_000
MOST_OF_A_DESCRIPTION = 2_000
_MOST_OF_A_NAME = 128
_STRANGE = re.compile(r"[^A-Za-z0-9_.:-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listed:
    """One tool of a server: its own name, and the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "description": self.description, "schema": dict(self.schema)}


def read_listing(tools: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """What a server said, as far as it can be used: at most MOST_TOOLS, each of a fair size."""
    found = [tool for tool in map(_read, tools) if tool is not None]
    once = {tool.name: tool for tool in reversed(found)}
    return list(reversed(once.values()))[:MOST_TOOLS]


def kept_listing(rows: Iterable[Mapping[str, Any]], only: Collection[str]) -> list[Listed]:
    """What `Listed.to_json` gave, without those that are not among `only`, if it names any."""
    tools = [Listed(row["name"], row["description"], row["schema"]) for row in rows]
    return [tool for tool in tools if not only or tool.name in only]


def function_names(
    own: Collection[str], listed: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """What the model calls the tools that are given as (server, tool).

    A tool keeps its name while no other function has it; else its server's name stands before
    it, and a number behind it if even that is taken.
    """
    cleaned = {each: _clean(each[1]) for each in listed}
    counts = Counter([*own, *cleaned.values()])
    taken = {*own, *(name for name in cleaned.values() if counts[name] == 1)}
    found: dict[tuple[str, str], str] = {}
    for each, name in cleaned.items():
        found[each] = name if counts[name] == 1 else _free(f"{each[0]}_{name}", taken)
        taken.add(found[each])
    return found


def _read(tool: Mapping[str, Any]) -> Listed | None:
    name, schema = tool.get("name"), tool.get("inputSchema")
    description = tool.get("description") or ""
    if not isinstance(name, str) or not name or not isinstance(description, str):
        return None
    if not isinstance(schema, Mapping):
        return None
    found = Listed(name, description[:MOST_OF_A_DESCRIPTION], _for_gemini(schema))
    return found if len(name) <= _MOST_OF_A_NAME and _can_be_kept(found.to_json()) else None


def _for_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing of the arguments."""
    return {key: value for key, value in schema.items() if key not in {"$schema", "title"}}


def _can_be_kept(tool: Mapping[str, Any]) -> bool:
    """Whether a database takes it: no half characters, none that is none, and not too much."""
    try:
        text = json.dumps(tool, ensure_ascii=False)
        text.encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return "\\u0000" not in text and len(text) <= MOST_OF_A_TOOL


def _clean(name: str) -> str:
    cleaned = _STRANGE.sub("_", name)
    begins_well = re.match(r"[A-Za-z_]", cleaned)
    return (cleaned if begins_well else f"_{cleaned}")[:_MOST_OF_A_NAME]


def _free(name: str, taken: Collection[str]) -> str:
    name, number = name[: _MOST_OF_A_NAME - 4], 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
