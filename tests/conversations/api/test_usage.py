"""Usage over the API says what the usage page says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

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
