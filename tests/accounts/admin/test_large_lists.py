"""Lists over many rows: few statements, and none that reads a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit import record
from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Conversation
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_open, signed_in
from tests.copies import multiply

pytestmark = pytest.mark.django_db

ROWS = 50_000
MOST_STATEMENTS = 30
LARGE = {Conversation._meta.db_table, AuditEntry._meta.db_table}
LISTS = {
    "/admin/conversations/conversation/": 50,
    "/admin/conversations/conversation/?p=40": 50,
    "/admin/accounts/auditentry/": 50,
    "/admin/accounts/auditentry/?p=40": 50,
}


def read_whole(plan: Any) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if plan["Node Type"].endswith("Seq Scan"):
        yield plan["Relation Name"]
    for below in plan.get("Plans", ()):
        yield from read_whole(below)


def plan_of(sql: str) -> Any:
    with platform_scope("test"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def test_lists_of_fifty_thousand_rows(cast: Cast) -> None:
    conversation = make_open(make_agent(cast.acme.tenant), cast.acme.member, ago(seconds=0))
    multiply(conversation, ROWS)
    with tenant_scope(cast.acme.tenant.pk):
        entry = record("test", conversation, actor="system")
    multiply(entry, ROWS)
    for visitor in (signed_in(cast.acme.owner), signed_in(cast.operator)):
        for address, rows in LISTS.items():
            with CaptureQueriesContext(connection) as captured:
                page = visitor.get(address)
            assert page.status_code == 200
            assert len(page.context["cl"].result_list) == rows
            statements = [each["sql"] for each in captured if each["sql"].startswith("SELECT")]
            assert len(captured) <= MOST_STATEMENTS, address
            tables = {table for sql in statements for table in read_whole(plan_of(sql))}
            assert not tables & LARGE, address
