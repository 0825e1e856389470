from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, ToolServer
from conversations.tools.refreshing import LOCKED, STALE_AFTER, ask_now, refresh_tool_lists, store
from tests.conversations.tools.mcp.peer import ADD, HOST, Peer
from tests.conversations.tools.rows import LISTED, allow, make_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]


@pytest.fixture(autouse=True)
def here(agent: Agent, settings: Settings) -> None:
    settings.TOOL_PRIVATE_HOSTS = [HOST]
    allow(agent, HOST)


def again(server: ToolServer) -> ToolServer:
    with platform_scope("test"):
        return ToolServer.objects.get(pk=server.pk)


def acts() -> list[str]:
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(action="toolserver.listed").order_by("pk")
        return [str((entry.after or {})["tools"]) for entry in entries]


def test_lists_are_renewed_once_an_hour_and_changes_are_noted(agent: Agent, peer: Peer) -> None:
    server = make_server(agent, url=peer.url)
    now = timezone.now()
    assert refresh_tool_lists(now) == 1
    server = again(server)
    assert [tool["name"] for tool in server.listed] == ["add"]
    assert (server.listed_at, server.asked_at, server.list_fault) == (now, now, "")
    assert refresh_tool_lists(now + STALE_AFTER / 2) == 0
    peer.tools = [ADD, {**ADD, "name": "sub"}]
    assert refresh_tool_lists(now + STALE_AFTER + timedelta(seconds=1)) == 1
    assert refresh_tool_lists(now + 3 * STALE_AFTER) == 1  # nothing new
    assert acts() == ["['add']", "['add', 'sub']"]


def test_the_last_list_stays_when_there_is_no_answer(agent: Agent, peer: Peer) -> None:
    server = make_server(agent, url=peer.url, listed=[LISTED], listed_at=timezone.now())
    peer.refuse = 503
    assert refresh_tool_lists(timezone.now()) == 0
    found = again(server)
    assert found.listed == [LISTED]
    assert found.list_fault == "127.0.0.1 answered with 503."
    assert found.asked_at is not None
    assert acts() == []


def test_who_is_not_asked(agent: Agent, peer: Peer) -> None:
    server = make_server(agent, url=peer.url, is_on=False)
    assert refresh_tool_lists() == 0
    with tenant_scope(agent.tenant_id):
        ToolServer.objects.filter(pk=server.pk).update(is_on=True)
    Tenant.objects.filter(pk=agent.tenant_id).update(state="suspended")
    assert refresh_tool_lists() == 0
    assert peer.asked == []


def test_a_list_of_another_address_is_not_kept(agent: Agent, peer: Peer) -> None:
    server = make_server(agent, url=peer.url)
    with tenant_scope(agent.tenant_id):
        asked = ask_now(server)
        ToolServer.objects.filter(pk=server.pk).update(url="https://elsewhere.example/")
        store(server, asked, actor="system", now=timezone.now())
    assert again(server).listed == []
    assert acts() == []


def test_faults_are_told(agent: Agent, peer: Peer) -> None:
    elsewhere = make_server(agent, "elsewhere", url="https://elsewhere.example/mcp")
    locked = make_server(agent, "locked", url=peer.url)
    locked.sealed_headers = elsewhere.sealed_headers
    with tenant_scope(agent.tenant_id):
        assert "allowed hosts" in ask_now(elsewhere).fault
        assert ask_now(locked).fault == LOCKED
        peer.gate.clear()
        slow = make_server(agent, "slow", url=peer.url)
        peer.tools = [{**ADD, "name": "x" * 20}]
        slow.timeout_ms = 1
        assert "0.001 s" in ask_now(slow).fault
