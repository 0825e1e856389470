"""Rows of tools, in the words of the domain."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.tenancy import tenant_scope
from conversations.models import Agent, AgentTool, AllowedHost, ToolServer
from tests.conversations.tools.mcp.peer import ADD

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCHEMA = {
    "type": "object",
    "properties": {"size": {"type": "integer"}, "city": {"type": "string", "example": "Lyon"}},
    "required": ["size"],
}
LISTED = {"name": "add", "description": ADD["description"], "schema": ADD["inputSchema"]}


def make_tool(agent: Agent, name: str = "stock", **fields: Any) -> AgentTool:
    tool = AgentTool(
        **{
            "tenant_id": agent.tenant_id,
            "agent": agent,
            "name": name,
            "description": "Look for shoes.",
            "parameters": SCHEMA,
            **fields,
        }
    )
    tool.set_secret(SECRET, timezone.now())
    tool.set_headers({"Authorization": "Bearer sesame"})
    with tenant_scope(agent.tenant_id):
        tool.save()
    return tool


def make_server(agent: Agent, name: str = "sums", **fields: Any) -> ToolServer:
    server = ToolServer(**{"tenant_id": agent.tenant_id, "agent": agent, "name": name, **fields})
    server.set_headers({"Authorization": "Bearer sesame"})
    with tenant_scope(agent.tenant_id):
        server.save()
    return server


def allow(agent: Agent, *hosts: str) -> None:
    with tenant_scope(agent.tenant_id):
        AllowedHost.objects.bulk_create(AllowedHost(name=host) for host in hosts)
