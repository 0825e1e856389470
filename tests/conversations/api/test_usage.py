"""Usage over the API says what the usage page says."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from conversations.models import Agent, UsageDay
from tests.cast import Cast
from tests.conversations.talks import with_key

ADDRESS = "/api/v1/usage/"


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def used(whose: str, subject: Any, day: date, **amounts: Any) -> None:
    UsageDay.objects.create(whose=whose, subject=subject, day=day, currency="USD", **amounts)


def test_days_and_their_sum(cast: Cast, agent: Agent, acme: Client) -> None:
    today, tenant = timezone.now().date(), cast.acme.tenant
    with tenant_scope(tenant.pk):
        for back, cost in ((0, 5), (29, 7), (30, 100)):
            day = today - timedelta(days=back)
            used("tenant", tenant.pk, day, cost_micros=cost, text_in=2, talked_ms=60_000)
            used("agent", agent.pk, day, cost_micros=cost, text_in=2, talked_ms=60_000)
    found = acme.get(ADDRESS).json()
    assert [day["day"] for day in found["days"]] == [
        str(today - timedelta(days=29)),
        str(today),
    ]
    total = found["total"]
    assert (total["cost_micros"], total["talked_ms"], found["currency"]) == (12, 120_000, "USD")
    assert (total["tokens"]["text_in"], sum(total["tokens"].values())) == (4, 4)
    [by_agent] = found["agents"]
    assert (by_agent["id"], by_agent["cost_micros"]) == (str(agent.pk), 12)
    longer = acme.get(ADDRESS, {"first": str(today - timedelta(days=40))}).json()
    assert longer["total"]["cost_micros"] == 112
    theirs = with_key(cast.globex.api_key).get(ADDRESS).json()
    assert (theirs["total"]["cost_micros"], theirs["days"], theirs["agents"]) == (0, [], [])


@pytest.mark.parametrize(
    "query",
    [
        {"first": "yesterday"},
        {"first": "2026-02-02", "last": "2026-02-01"},
        {"first": "2020-01-01", "last": "2026-01-01"},
        {"last": "0001-01-01"},
        {"first": "9999-12-31"},
    ],
)
def test_days_that_are_none(acme: Client, query: dict[str, str]) -> None:
    assert acme.get(ADDRESS, query).status_code == 400


# --- CSV --------------------------------------------------------------------------------------


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(whole(answer).decode().splitlines()))


@async_to_sync
async def whole(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_as_csv(cast: Cast, agent: Agent, acme: Client) -> None:
    today, tenant, member = timezone.now().date(), cast.acme.tenant, cast.acme.member
    with tenant_scope(tenant.pk):
        Agent.objects.update(name="=HYPERLINK(1)")
        for back in (0, 1, 40):
            day = today - timedelta(days=back)
            for whose, subject in (("tenant", tenant), ("agent", agent), ("user", member)):
                used(whose, subject.pk, day, cost_micros=5, text_in=2, talked_ms=60_000)
    days = [str(today - timedelta(days=1)), str(today)]
    asked = acme.get(ADDRESS, headers={"Accept": "text/csv"})
    assert "Accept" in asked["Vary"]
    found = rows_of(asked)
    assert [(row["day"], row["minutes"], row["cost"]) for row in found] == [
        (day, "1.000", "0.000005") for day in days
    ]
    by_agent = rows_of(acme.get(ADDRESS, {"format": "csv", "by": "agent"}))
    assert [(row["id"], row["name"]) for row in by_agent] == [(str(agent.pk), "'=HYPERLINK(1)")] * 2
    first = {"first": str(today - timedelta(days=40)), "by": "user", "format": "csv"}
    assert [row["name"] for row in rows_of(acme.get(ADDRESS, first))] == [member.email] * 3
    with tenant_scope(tenant.pk):
        told = AuditEntry.objects.filter(action="usage.exported").order_by("id").last()
    assert told is not None
    assert told.after == {"by": "user", "first": first["first"], "last": str(today)}
    theirs = with_key(cast.globex.api_key)
    assert rows_of(theirs.get(ADDRESS, {"format": "csv", "by": "agent"})) == []


def test_what_is_no_csv(cast: Cast, acme: Client) -> None:
    for query in ({"by": "tenant"}, {"first": "yesterday"}):
        answer = acme.get(ADDRESS, {"format": "csv", **query})
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert [each["field"] for each in answer.json()["errors"]] == list(query)
    assert acme.get(ADDRESS, {"format": "xls"}).json()["errors"][0]["field"] == "format"
    assert acme.get(ADDRESS, {"format": "json"}, headers={"Accept": "text/csv"}).json()["total"]
    assert with_key("").get(ADDRESS, {"format": "xls"}).status_code == 401
    assert acme.get(ADDRESS, headers={"Accept": "image/png"}).status_code == 406
