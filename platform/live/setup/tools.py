"""Tools as a caller gives them: typed, or as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from live.endpoint import Endpoint
from live.errors import Diagnosis, InvalidRequest
from live.messages import DEVELOPER_TOOLS, VERTEX_TOOLS, FunctionDeclaration, Tool
from live.wire import fit

AnyTool = Tool | Mapping[str, Any]

_FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,127}", re.ASCII)
_BEHAVIORS = frozenset({"", "BLOCKING", "NON_BLOCKING"})

# fmt: off
_NO_TOOL = Diagnosis(
    "tool_malformed", "A tool is none: its JSON does not fit.",
    "Compare it with the Tool object of the API.")
_NAME = Diagnosis(
    "tool_malformed", "A function's name is none.",
    "Use at most 128 letters, digits, and _ . : - that begin with a letter or _.")
_TWICE = Diagnosis(
    "tool_malformed", "Two functions have the same name.", "Give each function its own name.")
_SCHEMAS = Diagnosis(
    "tool_malformed", "A function has two schemas for the same thing.",
    "Give either the API's own schema or a JSON schema.")
_BEHAVIOR = Diagnosis(
    "tool_malformed", "A function's behavior is none of its names.",
    "Use BLOCKING, NON_BLOCKING, or leave it out.")
_DEVELOPER_ONLY = Diagnosis(
    "option_unsupported", "A tool exists on the Developer API only.",
    "Leave the tool out, or use the Developer API.")
_VERTEX_ONLY = Diagnosis(
    "option_unsupported", "A tool exists on Vertex AI only.",
    "Leave the tool out, or use Vertex AI.")
# fmt: on


def check_tools(tools: Sequence[AnyTool], endpoint: Endpoint) -> None:
    """Refuse tools that the service would refuse. Names that are not known here may be newer.

    Raises `InvalidRequest`.
    """
    elsewhere, diagnosis = (
        (DEVELOPER_TOOLS, _DEVELOPER_ONLY) if endpoint.is_vertex else (VERTEX_TOOLS, _VERTEX_ONLY)
    )
    typed = [_typed(tool) for tool in tools]
    if any(getattr(tool, name) not in (None, []) for tool in typed for name in elsewhere):
        raise InvalidRequest(diagnosis)
    functions = [function for tool in typed for function in tool.function_declarations]
    for function in functions:
        _check_function(function)
    if any(count > 1 for count in Counter(function.name for function in functions).values()):
        raise InvalidRequest(_TWICE)


def functions_of(tools: Sequence[AnyTool]) -> Iterator[FunctionDeclaration]:
    """The functions that are declared. Raises `InvalidRequest` for a tool that is none."""
    for tool in tools:
        yield from _typed(tool).function_declarations


def _typed(tool: AnyTool) -> Tool:
    if isinstance(tool, Tool):
        return tool
    try:
        return fit(dict(tool), Tool)[0]
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError):
        raise InvalidRequest(_NO_TOOL) from None


def _check_function(function: FunctionDeclaration) -> None:
    if not _FUNCTION_NAME.fullmatch(function.name):
        raise InvalidRequest(_NAME)
    if function.behavior not in _BEHAVIORS:
        raise InvalidRequest(_BEHAVIOR)
    both = (
        (function.parameters, function.parameters_json_schema),
        (function.response, function.response_json_schema),
    )
    if any(own is not None and json is not None for own, json in both):
        raise InvalidRequest(_SCHEMAS)
