"""What the forms of tools say to what is typed."""

import json
from typing import Any

import pytest

from accounts.tenancy import tenant_scope
from conversations.admin.tool_forms import HostForm, ServerForm, ToolForm
from conversations.models import Agent, AgentTool, ToolServer
from tests.conversations.tools.rows import allow, make_tool

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]
TYPED = {
    "kind": "http",
    "name": "stock",
    "description": "Look for shoes.",
    "method": "POST",
    "url": "https://a.example/stock",
    "timeout_s": "10",
    "is_on": "on",
}


def errors(agent: Agent, **changed: str) -> dict[str, Any]:
    allow(agent, "a.example")
    with tenant_scope(agent.tenant_id):
        form = ToolForm({**TYPED, **changed}, instance=AgentTool(agent=agent))
        return json.loads(form.errors.as_json())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "get-stock", "letters, digits"),
        ("description", "", "required"),
        ("url", "http://a.example/", "begin with https"),
        ("url", "https://b.example/", "not one of the organisation"),
        ("url", "", "begins with https"),
        ("headers", "sesame", "Line 1: a header is"),
        ("headers", "Host: sesame", "set by Parley"),
        ("parameters", '{"type": "object", "x": 1}', "Line 1: x: Gemini does not know"),
        ("timeout_s", "0", "greater than or equal to 1"),
        ("timeout_s", "121", "less than or equal to 120"),
        ("behavior", "SOON", "valid choice"),
        ("kind", "mcp", "valid choice"),
    ],
)
def test_what_is_refused(agent: Agent, field: str, value: str, said: str) -> None:
    found = errors(agent, **{field: value})
    assert list(found) == [field]
    assert said in found[field][0]["message"]
    assert "sesame" not in json.dumps(found)


def test_what_is_typed_well(agent: Agent) -> None:
    assert errors(agent, behavior="NON_BLOCKING", scheduling="INTERRUPT") == {}


def test_what_the_agent_s_model_does_not_take(agent: Agent) -> None:
    agent.model = "gemini-3.1-flash-live"
    found = errors(agent, behavior="NON_BLOCKING", scheduling="SILENT")
    assert set(found) == {"behavior", "scheduling"}
    assert agent.model in found["behavior"][0]["message"]


def test_a_name_is_once_in_an_agent(agent: Agent) -> None:
    make_tool(agent)
    allow(agent, "a.example")
    with tenant_scope(agent.tenant_id):
        for instance in (AgentTool(agent=agent), make_tool(agent, "other")):
            form = ToolForm(TYPED, instance=instance)
            assert "already exists" in str(form.errors)


def test_a_server_s_address_is_needed(agent: Agent) -> None:
    with tenant_scope(agent.tenant_id):
        form = ServerForm({"name": "sums", "timeout_s": "5"}, instance=ToolServer(agent=agent))
        assert "Enter the server" in str(form.errors["url"])


@pytest.mark.parametrize("name", ["", "a b", "https://a.example", "a.example:80", "*.com", "*"])
def test_what_is_no_host(agent: Agent, name: str) -> None:
    with tenant_scope(agent.tenant_id):
        assert "name" in HostForm({"name": name}).errors
