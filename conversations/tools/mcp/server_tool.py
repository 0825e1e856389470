"""MCP tools: one call is one `tools/call` to the server that listed the tool."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from conversations.states import CallState
from conversations.tools.egress import Unreachable
from conversations.tools.mcp.client import McpClient
from conversations.tools.outcomes import Call, CallFailed, Outcome
from conversations.tools.retrying import pause_s
from conversations.tools.signing import message_id

MOST_OF_AN_ERROR = 2000


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool by the name that its server, `server`, has for it."""

    client: McpClient = field(repr=False)
    server: str
    name: str
    timeout_s: float

    async def run(self, call: Call) -> Outcome:
        """Make the call; again only while nothing was sent. Raises CallFailed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        tries = 0
        while True:
            tries += 1
            try:
                result = await self.client.call_tool(self.name, call.args, message_id(call.key))
            except Unreachable:
                left = began + self.timeout_s - loop.time()
                wait = pause_s(tries, left, "", datetime.now(UTC))
                if wait is None:
                    raise
                await asyncio.sleep(wait)
            else:
                return outcome_of(result, self.server, loop.time() - began)


def outcome_of(result: Mapping[str, Any], server: str, took_s: float) -> Outcome:
    """What the model is told of a result. Raises CallFailed."""
    if result.get("isError"):
        raise CallFailed(
            "tool_error",
            "The tool reported an error.",
            summary=f"{server}: the tool reported an error after {took_s:.2f} s.",
            body=_text_of(result)[:MOST_OF_AN_ERROR],
        )
    structured = result.get("structuredContent")
    response = structured if isinstance(structured, Mapping) else {"result": _text_of(result)}
    return Outcome(response, CallState.SUCCEEDED, f"{server}: answered in {took_s:.2f} s.")


def _text_of(result: Mapping[str, Any]) -> str:
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(_part(part) for part in parts if isinstance(part, Mapping))


def _part(part: Mapping[str, Any]) -> str:
    """The text of a part; of one that is none, what it is."""
    if part.get("type") == "text":
        return str(part.get("text", ""))
    resource = part.get("resource")
    if isinstance(resource, Mapping) and isinstance(resource.get("text"), str):
        return str(resource["text"])
    uri = part.get("uri")
    return f"({part.get('type', 'something')}{f': {uri}' if uri else ', which is not passed on'})"
