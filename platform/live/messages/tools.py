"""Tools that a model may use."""

from __future__ import annotations

from typing import Any

import msgspec

from live.messages.base import Message


class FunctionDeclaration(Message, frozen=True):
    """A function of ours that the model may call.

    The arguments are described either by `parameters` (Google's schema, types in upper case) or
    by `parameters_json_schema`; the answer likewise. `behavior` is BLOCKING or NON_BLOCKING; the
    model's own default when empty.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None
    response: dict[str, Any] | None = None
    response_json_schema: Any = None
    behavior: str = ""


class Tool(Message, frozen=True):
    """One element of `tools`: exactly one of the fields.

    Google's own tools are switched on by `{}` or their options. `file_search` and `mcp_servers`
    are for the Developer API only, the last four for Vertex AI only.
    """

    function_declarations: list[FunctionDeclaration] = msgspec.field(default_factory=list)
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    code_execution: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None
    computer_use: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] = msgspec.field(default_factory=list)
    enterprise_web_search: dict[str, Any] | None = None
    retrieval: dict[str, Any] | None = None
    parallel_ai_search: dict[str, Any] | None = None
    exa_ai_search: dict[str, Any] | None = None


DEVELOPER_TOOLS = frozenset({"file_search", "mcp_servers"})
VERTEX_TOOLS = frozenset(
    {"enterprise_web_search", "retrieval", "parallel_ai_search", "exa_ai_search"}
)
