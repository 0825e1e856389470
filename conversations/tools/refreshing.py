"""Asking MCP servers which tools they have. Conversations begin with the list that is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import shared_task
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import record
from accounts.keyset import KeysetError
from accounts.tenancy import platform_scope
from conversations.models import ToolServer
from conversations.tools.loading import client_of, egress_of
from conversations.tools.mcp.client import McpClient
from conversations.tools.mcp.listing import Listed, read_listing
from conversations.tools.outcomes import CallFailed, CallTimedOut

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(hours=1)
MOST_AT_ONCE = 40
LOCKED = "Its stored headers cannot be opened: enter them again."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server said; `fault` says why it said nothing that can be used."""

    tools: Sequence[Listed] = ()
    fault: str = ""


@shared_task
def refresh_tool_lists(now: datetime | None = None) -> int:
    """Ask the servers in use whose list is older than an hour, those not asked for longest first.

    Returns how many lists were renewed. Running it twice changes nothing more.
    """
    now = now or timezone.now()
    with platform_scope("refresh the lists of MCP servers"):
        stale = Q(asked_at=None) | Q(asked_at__lt=now - STALE_AFTER)
        rows = ToolServer.objects.filter(stale, is_on=True, tenant__state="active")
        servers = list(rows.order_by(F("asked_at").asc(nulls_first=True), "pk")[:MOST_AT_ONCE])
        clients = {server.pk: _client(server) for server in servers}
    answers = asyncio.run(_ask_all([(clients[each.pk], each.timeout_s) for each in servers]))
    with platform_scope("refresh the lists of MCP servers"):
        for server, asked in zip(servers, answers, strict=True):
            store(server, asked, actor="system", now=now)
    renewed = sum(not asked.fault for asked in answers)
    if len(answers) > renewed:
        log.info("%d of %d MCP servers gave no list", len(answers) - renewed, len(answers))
    return renewed


def ask_now(server: ToolServer) -> Asked:
    """Ask one server, and wait for it. Run it in a scope that holds the server."""
    return asyncio.run(_ask(_client(server), server.timeout_s))


@transaction.atomic
def store(server: ToolServer, asked: Asked, *, actor: str, now: datetime) -> None:
    """Keep what a server said; the last list stays when it said nothing. If somebody has entered
    another address meanwhile, nothing is kept."""
    same = ToolServer.objects.filter(pk=server.pk, url=server.url)
    if asked.fault:
        same.update(asked_at=now, list_fault=asked.fault[:300])
        return
    listed = [tool.to_json() for tool in asked.tools]
    if not same.update(asked_at=now, listed_at=now, listed=listed, list_fault=""):
        return
    if listed != server.listed:
        before = {"tools": [tool["name"] for tool in server.listed]}
        after = {"tools": [tool["name"] for tool in listed]}
        record("toolserver.listed", server, actor=actor, before=before, after=after)


def _client(server: ToolServer) -> McpClient | None:
    try:
        return client_of(server, egress_of(server.tenant_id))
    except KeysetError:
        return None


async def _ask_all(asked: Sequence[tuple[McpClient | None, float]]) -> list[Asked]:
    return list(await asyncio.gather(*(_ask(client, timeout_s) for client, timeout_s in asked)))


async def _ask(client: McpClient | None, timeout_s: float) -> Asked:
    if client is None:
        return Asked(fault=LOCKED)
    try:
        async with asyncio.timeout(timeout_s):
            return Asked(read_listing(await client.list_tools()))
    except TimeoutError:
        return Asked(fault=CallTimedOut(timeout_s).summary)
    except CallFailed as failure:
        return Asked(fault=failure.summary)
