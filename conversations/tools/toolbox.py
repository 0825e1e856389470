"""An agent's tools, as one of its conversations holds them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import live
from conversations.models import Agent
from conversations.states import ToolKind
from conversations.tools.gate import Gate
from conversations.tools.loading import tools_of
from conversations.tools.outcomes import Call, CallFailed, CallTimedOut, Outcome
from conversations.tools.tool import Tool
from live.wire import fit

__all__ = ["Call", "Outcome", "Tool", "Toolbox", "toolbox_of"]

log = logging.getLogger(__name__)

# How long a program has to answer a call of a function of its own.
CALLERS_TIMEOUT_S: Final = 60.0


class Toolbox:
    """The tools of one conversation. `run` may be called for many calls at the same time."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools = {tool.declaration.name: tool for tool in tools}
        self._gate = Gate()

    @property
    def declarations(self) -> tuple[live.Tool, ...]:
        """For the `tools` of `live.SessionConfig`; empty when there are none."""
        functions = [tool.declaration for tool in self._tools.values()]
        return (live.Tool(function_declarations=functions),) if functions else ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def kind(self, name: str) -> ToolKind | None:
        """Who answers this tool's calls; None for a name that no tool has."""
        tool = self._tools.get(name)
        return tool.kind if tool else None

    def timeout_s(self, name: str) -> float:
        """How long a call may take, in seconds. Raises KeyError for an unknown name."""
        return self._tools[name].timeout_s

    def behavior(self, name: str) -> str:
        """BLOCKING, NON_BLOCKING, or "" for the model's own. Raises KeyError."""
        return self._tools[name].declaration.behavior

    def scheduling(self, name: str) -> str:
        """SILENT, WHEN_IDLE, INTERRUPT, or "" for the model's own. Raises KeyError."""
        return self._tools[name].scheduling

    async def run(self, call: Call) -> Outcome:
        """Make a call of an HTTP tool or an MCP server's; what comes of it, good or bad.

        It ends within the tool's time-out. Raises nothing but CancelledError, after which
        whether the tool has done anything is not known.
        """
        tool = self._tools.get(call.name)
        if tool is None or tool.runner is None:
            return _not_here(call, tool).outcome()
        try:
            async with asyncio.timeout(tool.timeout_s), self._gate.entered():
                return await tool.runner.run(call)
        except TimeoutError:
            return CallTimedOut(tool.timeout_s).outcome()
        except CallFailed as failure:
            return failure.outcome()
        except Exception as error:  # noqa: BLE001 - a turn waits for an answer, whatever happens
            # Without the traceback: it could show a header or what somebody said.
            log.error("a tool call broke: %s", type(error).__name__)  # noqa: TRY400
            return CallFailed("internal_error", "The tool could not be called.").outcome()


def toolbox_of(agent: Agent, functions: Sequence[Mapping[str, Any]] = ()) -> Toolbox:
    """Read the agent's tools. Run it in a database thread, inside a scope that holds the agent.

    `functions` are declarations of the program that holds the conversation, which it answers
    itself. The agent's own tool of a name goes before. Raises msgspec.ValidationError.
    """
    return Toolbox([*callers_tools(functions), *tools_of(agent)])


def callers_tools(functions: Sequence[Mapping[str, Any]]) -> list[Tool]:
    """What a program declares for its own conversation."""
    declared = [fit(dict(each), live.FunctionDeclaration)[0] for each in functions]
    return [Tool(each, ToolKind.CLIENT, CALLERS_TIMEOUT_S) for each in declared]


def _not_here(call: Call, tool: Tool | None) -> CallFailed:
    if tool is None:
        return CallFailed("unknown_tool", f"There is no tool with the name {call.name}.")
    return CallFailed("not_here", "This tool is answered by the page, not by the server.")
