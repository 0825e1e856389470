import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from conversations.models import Agent, AgentTool, AllowedHost, ToolServer
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in
from tests.conversations.tools.mcp.peer import Peer, open_peer
from tests.conversations.tools.rows import SCHEMA, SECRET, allow, make_server, make_tool
from tests.conversations.tools.shop import HOST, Reply, Shop, open_shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]
TOOLS = "/admin/conversations/agenttool/"
SERVERS = "/admin/conversations/toolserver/"
HOSTS = "/admin/conversations/allowedhost/"


@pytest.fixture(autouse=True)
def here(settings: Settings) -> None:
    settings.TOOL_PRIVATE_HOSTS = [HOST]


def fields(agent: Agent, **changed: Any) -> dict[str, Any]:
    return {
        "agent": str(agent.pk),
        "kind": "http",
        "name": "stock",
        "description": "Look for shoes.",
        "method": "POST",
        "url": f"http://{HOST}:1/",
        "headers": "Authorization: Bearer sesame",
        "parameters": json.dumps(SCHEMA),
        "timeout_s": "7",
        "behavior": "NON_BLOCKING",
        "scheduling": "SILENT",
        "is_on": "on",
        **changed,
    }


def tool_of(agent: Agent) -> AgentTool:
    with platform_scope("test"):
        return AgentTool.objects.get(agent=agent)


def acts(prefix: str) -> list[str]:
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(action__startswith=prefix).order_by("pk")
        assert "sesame" not in json.dumps([[each.before, each.after] for each in entries])
        return [entry.action for entry in entries]


def test_a_developer_makes_a_tool_and_sees_its_secret_once(cast: Cast, agent: Agent) -> None:
    allow(agent, HOST)
    developer = signed_in(cast.acme.developer)
    made = developer.post(f"{TOOLS}add/", fields(agent))
    tool = tool_of(agent)
    [secret] = tool.open_secrets(timezone.now())
    assert secret in made.text
    assert (tool.tenant_id, tool.timeout_ms, tool.parameters) == (agent.tenant_id, 7000, SCHEMA)
    assert tool.open_headers() == {"Authorization": "Bearer sesame"}
    address = f"{TOOLS}{tool.pk}/change/"
    page = developer.get(address).text
    assert "Stored: Authorization." in page
    for text in (page, developer.get(f"{TOOLS}{tool.pk}/history/").text):
        assert secret not in text
        assert "sesame" not in text
    changed = fields(agent, name="find", headers="", parameters="", url=f"http://{HOST}:2/")
    assert developer.post(address, changed).status_code == 302
    tool = tool_of(agent)
    assert (tool.name, tool.parameters) == ("find", {})
    assert tool.open_headers() == {"Authorization": "Bearer sesame"}
    assert developer.post(address, {**changed, "drop_headers": "on"}).status_code == 302
    assert tool_of(agent).open_headers() == {}
    assert acts("agenttool.") == ["agenttool.created", "agenttool.changed", "agenttool.changed"]


def test_a_client_side_tool_needs_no_address_and_no_secret(cast: Cast, agent: Agent) -> None:
    developer = signed_in(cast.acme.developer)
    only = fields(agent, kind="client", url="", method="", headers="")
    assert developer.post(f"{TOOLS}add/", only).status_code == 302
    tool = tool_of(agent)
    assert (tool.kind, tool.sealed_secret, tool.method) == ("client", b"", "POST")
    assert developer.get(f"{TOOLS}{tool.pk}/try/").status_code == 404
    # Once it is asked over HTTP, it signs.
    allow(agent, HOST)
    shown = developer.post(f"{TOOLS}{tool.pk}/change/", fields(agent))
    assert "whsec_" in shown.text


def test_owners_and_admins_allow_a_host_beside_the_address(cast: Cast, agent: Agent) -> None:
    developer, admin = signed_in(cast.acme.developer), signed_in(cast.acme.admin)
    asked = fields(agent, allow_host="on")
    refused = developer.post(f"{TOOLS}add/", asked).text
    assert "An admin can add it." in refused
    assert "Or tick" not in refused
    assert "Or tick" in admin.post(f"{TOOLS}add/", fields(agent)).text
    assert "whsec_" in admin.post(f"{TOOLS}add/", asked).text
    with platform_scope("test"):
        assert AllowedHost.objects.get(tenant=agent.tenant_id).name == HOST
    assert acts("allowedhost.") == ["allowedhost.created"]


def test_an_operator_makes_one_for_the_agent_s_tenant(cast: Cast) -> None:
    agent = make_agent(cast.globex.tenant)
    operator = signed_in(cast.operator)
    for missing in (TOOLS, SERVERS):
        without = operator.post(f"{missing}add/", {**fields(agent), "agent": ""})
        assert "This field is required." in without.text
    assert "whsec_" in operator.post(f"{TOOLS}add/", fields(agent, allow_host="on")).text
    assert tool_of(agent).tenant == cast.globex.tenant


def test_another_tenant_s_agent_is_none(cast: Cast, agent: Agent) -> None:
    other = make_agent(cast.globex.tenant)
    developer = signed_in(cast.acme.developer)
    answer = developer.post(f"{TOOLS}add/", fields(other))
    assert "Select a valid choice" in answer.text
    tool = make_tool(other)
    for page in ("change", "try", "history", "delete"):
        assert developer.get(f"{TOOLS}{tool.pk}/{page}/").status_code == 404
    assert "stock" not in developer.get(TOOLS).text


def test_a_new_secret_is_shown_once_and_the_old_one_signs_too(cast: Cast, agent: Agent) -> None:
    tool = make_tool(agent)
    developer = signed_in(cast.acme.developer)
    chosen = {"action": "replace_secret", "index": "0", "_selected_action": str(tool.pk)}
    assert "For one day" in developer.post(TOOLS, chosen).text
    shown = developer.post(TOOLS, {**chosen, "confirmed": "yes"}).text
    new, old = tool_of(agent).open_secrets(timezone.now())
    assert new in shown
    assert old == SECRET not in shown
    assert acts("agenttool.") == ["agenttool.secret-replaced"]


def test_it_is_tried(cast: Cast, agent: Agent) -> None:
    allow(agent, HOST)
    with open_shop() as shop:
        try_it(cast, agent, shop)


def try_it(cast: Cast, agent: Agent, shop: Shop) -> None:
    tool = make_tool(agent, url=shop.url)
    developer = signed_in(cast.acme.developer)
    address = f"{TOOLS}{tool.pk}/try/"
    assert "&quot;city&quot;: &quot;Lyon&quot;" in developer.get(address).text
    shop.replies = [Reply(body=b'{"pairs": 2}')]
    page = developer.post(address, {"arguments": '{"size": 42}'}).text
    assert "It works" in page
    assert "&quot;pairs&quot;: 2" in page
    assert "sesame" not in page
    assert [json.loads(asked.body) for asked in shop.asked] == [{"size": 42}]
    assert "This is no JSON" in developer.post(address, {"arguments": "{"}).text
    assert len(shop.asked) == 1
    assert acts("agenttool.") == ["agenttool.tried"]


def test_a_server_is_asked_for_its_tools(cast: Cast, agent: Agent) -> None:
    allow(agent, HOST)
    with open_peer() as peer:
        list_it(cast, agent, peer)


def list_it(cast: Cast, agent: Agent, peer: Peer) -> None:
    developer = signed_in(cast.acme.developer)
    entered = {**fields(agent, name="sums", url=peer.url), "only": "add\n\nadd"}
    assert developer.post(f"{SERVERS}add/", entered).status_code == 302
    with platform_scope("test"):
        server = ToolServer.objects.get(agent=agent)
    assert server.only == ["add"]
    address = f"{SERVERS}{server.pk}/"
    assert "not been asked yet" in developer.get(f"{address}change/").text
    listed = developer.post(f"{address}list/", follow=True).text
    assert "It lists one tool." in listed
    assert "Add two numbers." in listed
    peer.refuse = 500
    assert "answered with 500" in developer.post(f"{address}list/", follow=True).text
    assert "No answer" in developer.get(SERVERS).text
    moved = {**entered, "url": f"http://{HOST}:1/mcp", "headers": ""}
    assert developer.post(f"{address}change/", moved).status_code == 302
    with platform_scope("test"):
        server.refresh_from_db()
    assert (server.listed, server.list_fault) == ([], "")
    assert server.open_headers() == {"Authorization": "Bearer sesame"}
    assert acts("toolserver.") == ["toolserver.created", "toolserver.listed", "toolserver.changed"]


def test_another_tenant_s_server_is_none(cast: Cast) -> None:
    server = make_server(make_agent(cast.globex.tenant))
    developer = signed_in(cast.acme.developer)
    assert developer.post(f"{SERVERS}{server.pk}/list/").status_code == 404
    assert developer.get(f"{SERVERS}{server.pk}/change/").status_code == 404


def test_hosts_are_the_managers(cast: Cast, agent: Agent) -> None:
    developer, admin = signed_in(cast.acme.developer), signed_in(cast.acme.admin)
    entered = {"name": " API.Example.com. ", "note": "Stock"}
    assert developer.post(f"{HOSTS}add/", entered).status_code == 403
    assert admin.post(f"{HOSTS}add/", entered).status_code == 302
    assert "api.example.com" in developer.get(HOSTS).text
    assert "already exists" in admin.post(f"{HOSTS}add/", entered).text
    assert "without https" in admin.post(f"{HOSTS}add/", {"name": "https://a.example"}).text


def test_an_agent_s_page_lists_them(cast: Cast, agent: Agent) -> None:
    tool, server = make_tool(agent), make_server(agent)
    address = f"/admin/conversations/agent/{agent.pk}/change/"

    def links(client: Client) -> list[bool]:
        page = client.get(address).text
        return [str(row.pk) in page for row in (tool, server)]

    assert links(signed_in(cast.acme.developer)) == [True, True]
    assert links(signed_in(cast.acme.reviewer)) == [False, False]
