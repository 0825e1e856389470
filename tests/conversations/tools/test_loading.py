from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, AgentTool, ToolServer
from conversations.states import ToolKind
from conversations.tools.http_tool import HttpTool
from conversations.tools.loading import MOST_FUNCTIONS, Locked, egress_of, runner_of, tools_of
from conversations.tools.mcp.server_tool import ServerTool
from conversations.tools.tool import Tool
from tests.cast import Cast
from tests.conversations.talks import make_agent
from tests.conversations.tools.rows import LISTED, SECRET, allow, make_server, make_tool

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]


def loaded(agent: Agent) -> dict[str, Tool]:
    with platform_scope("test"):  # as the worker has it
        agent = Agent.objects.get(pk=agent.pk)
        return {tool.declaration.name: tool for tool in tools_of(agent)}


def test_rows_become_tools(agent: Agent) -> None:
    make_tool(agent, url="https://a.example/", timeout_ms=2500, behavior="NON_BLOCKING")
    make_tool(agent, "show_map", kind="client", parameters={}, scheduling="SILENT")
    make_tool(agent, "off", is_on=False)
    make_server(agent, listed=[LISTED, {**LISTED, "name": "sub"}], only=["add"], timeout_ms=4000)
    make_server(agent, "off", is_on=False, listed=[LISTED])
    found = loaded(agent)
    assert {name: tool.kind for name, tool in found.items()} == {
        "stock": ToolKind.HTTP,
        "show_map": ToolKind.CLIENT,
        "add": ToolKind.MCP,
    }
    stock, show_map, add = found["stock"], found["show_map"], found["add"]
    assert isinstance(stock.runner, HttpTool)
    assert stock.runner.headers == {"Authorization": "Bearer sesame"}
    assert stock.runner.secrets == (SECRET,)
    assert (stock.timeout_s, stock.declaration.behavior) == (2.5, "NON_BLOCKING")
    assert stock.declaration.parameters is not None
    assert stock.declaration.parameters["type"] == "OBJECT"
    assert (show_map.runner, show_map.scheduling) == (None, "SILENT")
    assert show_map.declaration.parameters is None
    assert isinstance(add.runner, ServerTool)
    assert (add.runner.name, add.timeout_s) == ("add", 4.0)
    assert add.declaration.parameters_json_schema == LISTED["schema"]
    assert "sesame" not in repr(found)
    assert SECRET not in repr(found)


def test_names_that_collide_are_told_apart(agent: Agent) -> None:
    make_tool(agent, "add")
    for name in ("one", "two"):
        make_server(agent, name, listed=[LISTED])
    assert set(loaded(agent)) == {"add", "one_add", "two_add"}


def test_an_agent_without_tools_costs_two_questions(
    agent: Agent, django_assert_num_queries: object
) -> None:
    with platform_scope("test"), django_assert_num_queries(2):  # type: ignore[operator]
        assert tools_of(agent) == []


def test_another_agent_s_and_another_tenant_s_are_not_there(cast: Cast) -> None:
    mine, hers, other = (
        make_agent(cast.acme.tenant, "mine"),
        make_agent(cast.acme.tenant, "hers"),
        make_agent(cast.globex.tenant, "other"),
    )
    for agent, host in ((hers, "hers.example"), (other, "other.example")):
        make_tool(agent)
        make_server(agent, listed=[LISTED])
        allow(agent, host)
    assert loaded(mine) == {}
    with platform_scope("test"):
        assert egress_of(cast.acme.tenant.pk).hosts == {"hers.example"}


def test_what_an_operator_allows_comes_from_the_settings(agent: Agent, settings: Settings) -> None:
    settings.TOOL_PRIVATE_HOSTS = ["erp.intern.example"]
    with tenant_scope(agent.tenant_id):
        assert egress_of(agent.tenant_id).private == {"erp.intern.example"}


async def test_a_tool_whose_secrets_do_not_open_is_there_and_says_so() -> None:
    with pytest.raises(Exception, match="locked"):
        await Locked().run(None)  # type: ignore[arg-type]


def test_secrets_of_another_row_do_not_open(agent: Agent) -> None:
    one = make_tool(agent, url="https://a.example/")
    two = make_tool(agent, "two", url="https://a.example/")
    server = make_server(agent, listed=[LISTED])
    with tenant_scope(agent.tenant_id):
        AgentTool.objects.filter(pk=one.pk).update(sealed_headers=two.sealed_headers)
        ToolServer.objects.filter(pk=server.pk).update(sealed_headers=two.sealed_headers)
    found = loaded(agent)
    assert isinstance(found["stock"].runner, Locked)
    assert isinstance(found["two"].runner, HttpTool)
    assert isinstance(found["add"].runner, Locked)


def test_a_new_secret_signs_beside_the_old_one_for_a_while(agent: Agent) -> None:
    tool = make_tool(agent, url="https://a.example/")
    with tenant_scope(agent.tenant_id):
        egress = egress_of(agent.tenant_id)
        tool.set_secret("whsec_bmV3", timezone.now() + timedelta(hours=1))
        assert runner_of(tool, egress).secrets == ("whsec_bmV3", SECRET)
        tool.old_secret_until = timezone.now()
        assert runner_of(tool, egress).secrets == ("whsec_bmV3",)


def test_a_model_is_given_no_word_that_it_does_not_know(agent: Agent) -> None:
    make_tool(agent, behavior="NON_BLOCKING", scheduling="INTERRUPT")
    with tenant_scope(agent.tenant_id):
        Agent.objects.filter(pk=agent.pk).update(model="gemini-3.1-flash-live")
    found = loaded(agent)["stock"]
    assert (found.declaration.behavior, found.scheduling) == ("", "")
    with tenant_scope(agent.tenant_id):
        Agent.objects.filter(pk=agent.pk).update(model="gemini-9-live")
    assert loaded(agent)["stock"].scheduling == "INTERRUPT"


def test_there_are_never_more_than_the_service_takes(agent: Agent) -> None:
    for server in ("a", "b", "c"):
        listed = [{**LISTED, "name": f"{server}{number}"} for number in range(60)]
        make_server(agent, server, listed=listed)
    assert len(loaded(agent)) == MOST_FUNCTIONS
