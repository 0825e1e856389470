"""An agent's rows become its tools, once, in a database thread."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from uuid import UUID

import msgspec
from django.conf import settings
from django.utils import timezone

import live
from accounts.egress import tls_context
from accounts.keyset import KeysetError
from conversations.models import Agent, AgentTool, AllowedHost, ToolServer
from conversations.states import ToolKind
from conversations.tools.egress import Egress
from conversations.tools.http_tool import HttpTool
from conversations.tools.mcp.client import McpClient
from conversations.tools.mcp.listing import Listed, function_names, kept_listing
from conversations.tools.mcp.server_tool import ServerTool
from conversations.tools.outcomes import Call, CallFailed, Outcome
from conversations.tools.schema import gemini
from conversations.tools.tool import Runner, Tool
from live.setup.models import traits_of

# A session with more functions is refused by the service.
MOST_FUNCTIONS = 128


class Locked:
    """Stands for a tool whose secrets do not open: the model is told, and the rest goes on."""

    SUMMARY = "Its stored headers or signing secret cannot be opened: enter them again."

    async def run(self, call: Call) -> Outcome:
        raise CallFailed("locked", "The tool is not set up.", summary=self.SUMMARY)


def tools_of(agent: Agent) -> list[Tool]:
    """All tools of the agent that are in use."""
    own = list(AgentTool.objects.filter(agent=agent, is_on=True))
    servers = list(ToolServer.objects.filter(agent=agent, is_on=True))
    if not own and not servers:
        return []
    egress = egress_of(agent.tenant_id)
    of_servers = _tools_of_servers(servers, {tool.name for tool in own}, egress)
    found = [*(_own(tool, egress) for tool in own), *of_servers]
    return [_for_model(tool, agent.model) for tool in found[:MOST_FUNCTIONS]]


def egress_of(tenant_id: UUID) -> Egress:
    """Where the tenant's tools may reach now."""
    names = AllowedHost.objects.filter(tenant=tenant_id).values_list("name", flat=True)
    return Egress(frozenset(names), frozenset(settings.TOOL_PRIVATE_HOSTS), _tls())


def runner_of(tool: AgentTool, egress: Egress) -> HttpTool:
    """What makes the calls of an HTTP tool. Raises accounts.keyset.KeysetError."""
    return HttpTool(
        method=tool.method,
        url=tool.url,
        timeout_s=tool.timeout_s,
        egress=egress,
        headers=tool.open_headers(),
        secrets=tool.open_secrets(timezone.now()),
    )


def client_of(server: ToolServer, egress: Egress) -> McpClient:
    """What asks an MCP server. Raises accounts.keyset.KeysetError."""
    return McpClient(egress, server.url, server.open_headers())


@cache
def _tls() -> ssl.SSLContext:
    return tls_context()


def _own(tool: AgentTool, egress: Egress) -> Tool:
    declaration = live.FunctionDeclaration(
        name=tool.name,
        description=tool.description,
        parameters=gemini(tool.parameters),
        behavior=tool.behavior,
    )
    runner = _http_runner(tool, egress) if tool.is_http else None
    return Tool(declaration, ToolKind(tool.kind), tool.timeout_s, tool.scheduling, runner)


def _http_runner(tool: AgentTool, egress: Egress) -> Runner:
    try:
        return runner_of(tool, egress)
    except KeysetError:
        return Locked()


def _tools_of_servers(
    servers: Sequence[ToolServer], own: set[str], egress: Egress
) -> Iterator[Tool]:
    listed = [
        (server, each) for server in servers for each in kept_listing(server.listed, server.only)
    ]
    names = function_names(own, [(server.name, each.name) for server, each in listed])
    clients = {server.pk: _client(server, egress) for server in servers}
    for server, each in listed:
        name = names[server.name, each.name]
        yield _of_server(server, each, name, clients[server.pk])


def _client(server: ToolServer, egress: Egress) -> McpClient | None:
    try:
        return client_of(server, egress)
    except KeysetError:
        return None


def _of_server(server: ToolServer, tool: Listed, name: str, client: McpClient | None) -> Tool:
    declaration = live.FunctionDeclaration(
        name=name,
        description=tool.description,
        parameters_json_schema=tool.schema if tool.schema.get("properties") else None,
        behavior=server.behavior,
    )
    runner: Runner = Locked()
    if client is not None:
        runner = ServerTool(client, server.name, tool.name, server.timeout_s)
    return Tool(declaration, ToolKind.MCP, server.timeout_s, server.scheduling, runner)


def _for_model(tool: Tool, model: str) -> Tool:
    """The tool as the model takes it: one word that it does not know, and there is no session."""
    traits = traits_of(model)
    if traits is None:
        return tool
    declaration = tool.declaration
    if declaration.behavior and declaration.behavior not in traits.behaviors:
        declaration = msgspec.structs.replace(declaration, behavior="")
    scheduling = tool.scheduling if traits.scheduling else ""
    return replace(tool, declaration=declaration, scheduling=scheduling)
