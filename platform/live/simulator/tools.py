"""The tools of a session: its declared functions, checked, and found again in what was said.

Of the built-in tools a model has Google Search; the half-cascade ones also run code and read
pages. Others are taken and not used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from live.simulator.closes import invalid_argument
from live.simulator.fields import Fields
from live.simulator.models import BLOCKING, Model
from live.simulator.parameters import check_parameters

MAX_NAME = 128
_NAME = re.compile(r"[A-Za-z_][\w.:-]*", re.ASCII)
_FORBIDS = re.compile(r"\b(?:do not|don.?t|never) call\b", re.IGNORECASE)
_WORD_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, kw_only=True)
class Function:
    """One declared function. `schema` is its parameters' JSON schema, types in any case."""

    name: str
    blocking: bool
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mention:
    """A function whose name was said, with the words after it, up to the next one."""

    function: Function
    words: str


@dataclass(frozen=True)
class Tools:
    """What a session may call, and which built-in tools its model may use."""

    functions: tuple[Function, ...] = ()
    searches: bool = False
    runs_code: bool = False
    reads_pages: bool = False

    def mentioned_in(self, said: str) -> list[Mention]:
        """Return the functions that `said` names, each once, in the order they were said.

        A name may be said as written (`book_slot`, `bookSlot`) or as words ("book slot"). Who says
        that nothing shall be called is obeyed, as models do.
        """
        calls = self.functions and not _FORBIDS.search(said)
        found = list(self._pattern.finditer(said)) if calls else []
        ends = [*(match.start() for match in found), len(said)][1:]
        mentions: dict[str, Mention] = {}
        for match, end in zip(found, ends, strict=True):
            function = self._longest_first[(match.lastindex or 1) - 1]
            mentions.setdefault(function.name, Mention(function, said[match.end() : end]))
        return list(mentions.values())

    @cached_property
    def _longest_first(self) -> list[Function]:
        # "Get time zone" is no call of `get_time`.
        return sorted(self.functions, key=lambda function: -len(function.name))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(f"({_said_form(function.name)})" for function in self._longest_first)
        return re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE)


def read_tools(tools: list[Fields], model: Model) -> Tools:
    """Return what a `tools` list declares. Raises Refusal (1007) for a bad function."""
    declared = [each for tool in tools for each in tool.get("function_declarations", [])]
    functions = tuple(_function(declaration, model) for declaration in declared)
    if len({function.name for function in functions}) < len(functions):
        raise invalid_argument()
    names = {name for tool in tools for name in tool}
    return Tools(
        functions,
        searches="google_search" in names,
        runs_code=model.half_cascade and "code_execution" in names,
        reads_pages=model.half_cascade and "url_context" in names,
    )


def _function(declaration: Fields, model: Model) -> Function:
    name = declaration.get("name", "")
    schemas = [key for key in ("parameters", "parameters_json_schema") if key in declaration]
    behavior = declaration.get("behavior") or model.behaviors[0]
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME or len(schemas) > 1:
        raise invalid_argument()
    if behavior not in model.behaviors:
        raise invalid_argument()
    schema = declaration[schemas[0]] if schemas else {}
    if not isinstance(schema, dict):
        raise invalid_argument()
    if "parameters" in declaration:
        check_parameters(schema)
    return Function(name=name, blocking=behavior == BLOCKING, schema=schema)


def _said_form(name: str) -> str:
    words = _WORD_OF_NAME.findall(name)
    return r"[\s_.:-]*".join(words) if words else re.escape(name)
