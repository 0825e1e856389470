import csv
from datetime import date, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.tenancy import platform_scope
from conversations.admin.usage import MOST_DAYS, MOST_ROWS
from conversations.models import Agent, UsageDay
from conversations.usage.periods import day_of
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, signed_in
from tests.conversations.usage.uses import account_of, set_prices, use

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/usageday/"
EXPORT = f"{ROOT}export/"


@pytest.fixture
def today() -> date:
    return day_of(timezone.now())


@pytest.fixture(autouse=True)
def used(cast: Cast, agent: Agent, today: date) -> None:
    """Acme: a person and a program today, a guide that nobody has a price for long ago."""
    with platform_scope("test"):
        set_prices()
    use(make_conversation(agent, cast.acme.member, words=()), day=today)
    use(make_conversation(agent, None, words=()), day=today, talked_ms=600_000)
    long_ago = make_conversation(make_agent(cast.acme.tenant, "guide"), None, words=())
    day = today - timedelta(days=60)
    use(long_ago, account=account_of(long_ago, "gemini-9"), day=day)
    other = make_conversation(
        make_agent(cast.globex.tenant, "stranger"), cast.globex.member, words=()
    )
    use(other, day=today, talked_ms=77 * 60_000)


def table(page: str, by: str) -> str:
    """The section `by`, without its markup between the cells."""
    return page.partition(f'data-testid="by-{by}"')[2].partition("</section>")[0]


def since(today: date, days: int) -> dict[str, str]:
    return {"first": (today - timedelta(days=days)).isoformat(), "last": today.isoformat()}


def test_a_tenants_page(cast: Cast, today: date) -> None:
    page = signed_in(cast.acme.owner).get(ROOT).text
    assert "0.0038 USD" in page
    assert ">Shop<" in table(page, "agent")
    assert "Guide" not in page, "it was used before these days"
    assert cast.acme.member.email in table(page, "user")
    assert "Programs with API keys" in table(page, "user")
    assert f"{today:%b %Y}" in table(page, "day")
    for stranger in ("Stranger", "77", cast.globex.member.email):
        assert stranger not in table(page, "agent") + table(page, "user") + table(page, "day")
    assert 'data-testid="by-tenant"' not in page


def test_other_days(cast: Cast, today: date) -> None:
    page = signed_in(cast.acme.owner).get(ROOT, since(today, 60)).text
    assert "unknown" in table(page, "agent")
    assert "1,150 tokens of these days had no price" in page
    quiet = {
        "first": (today - timedelta(days=9)).isoformat(),
        "last": (today - timedelta(days=8)).isoformat(),
    }
    page = signed_in(cast.acme.owner).get(ROOT, quiet).text
    assert page.count("Nothing was used in these days.") == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"first": "soon", "last": "2026-01-01"}, "Enter a valid date"),
        ({"first": "2026-01-01"}, "This field is required"),
        ({"first": "2026-01-02", "last": "2026-01-01"}, "The last day is before the first one."),
        ({"first": "2020-01-01", "last": "2026-01-01"}, f"at most {MOST_DAYS} days"),
        ({"first": "", "last": ""}, "This field is required"),
    ],
)
def test_a_period_that_is_none_is_explained(cast: Cast, query: dict[str, str], said: str) -> None:
    owner = signed_in(cast.acme.owner)
    page = owner.get(ROOT, query)
    assert page.status_code == 200
    assert said in page.text
    assert ">Shop<" in page.text, "the usual days are shown"
    assert owner.get(EXPORT, {**query, "by": "day"}).status_code == 404


def test_an_operator_sees_organisations(cast: Cast) -> None:
    page = signed_in(cast.operator).get(ROOT).text
    assert "Acme" in table(page, "tenant")
    assert "Globex" in table(page, "tenant")
    assert "0.0057 USD" in page
    assert cast.acme.member.email not in page


def test_who_may_not_see_it(cast: Cast) -> None:
    for user in (cast.acme.developer, cast.acme.reviewer, cast.acme.member, cast.stranger):
        client = signed_in(user)
        assert client.get(ROOT).status_code != 200
        assert client.get(EXPORT, {"by": "day"}).status_code != 200
    assert ROOT in signed_in(cast.acme.owner).get("/admin/").text
    assert ROOT not in signed_in(cast.acme.reviewer).get("/admin/").text


def test_who_has_left_still_counts(cast: Cast) -> None:
    with platform_scope("test"):
        UsageDay.objects.filter(whose="user").update(subject=cast.stranger.pk)
        User.objects.filter(pk=cast.stranger.pk).delete()
    page = signed_in(cast.acme.owner).get(ROOT).text
    assert "Person who left" in table(page, "user")


def exported(client: Client, **query: str) -> list[dict[str, str]]:
    answer = client.get(EXPORT, query)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(body(answer).decode().splitlines()))


@async_to_sync
async def body(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_the_csv_has_every_day(cast: Cast, today: date) -> None:
    owner = signed_in(cast.acme.owner)
    rows = exported(owner, by="agent", **since(today, 60))
    assert [(row["name"], row["cost"]) for row in rows] == [("Guide", ""), ("Shop", "0.003800")]
    assert [row["name"] for row in exported(owner, by="day")] == ["Acme"]
    assert [row["name"] for row in exported(owner, by="user")] == [cast.acme.member.email]
    operator = signed_in(cast.operator)
    rows = exported(operator, by="tenant")
    assert {row["name"] for row in rows} == {"Acme", "Globex"}


def test_the_audit_says_who_took_it(cast: Cast, today: date) -> None:
    exported(signed_in(cast.acme.owner), by="agent", **since(today, 5))
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="usage.exported")
    assert (entry.tenant_id, entry.actor) == (
        cast.acme.tenant.pk,
        f"user:{cast.acme.owner.pk}",
    )
    assert entry.after == {"by": "agent", **since(today, 5)}


def test_no_table_that_was_not_offered(cast: Cast) -> None:
    owner, operator = signed_in(cast.acme.owner), signed_in(cast.operator)
    for client, by in ((owner, "tenant"), (owner, ""), (operator, "user"), (operator, "agent")):
        assert client.get(EXPORT, {"by": by}).status_code == 404


def test_the_dearest_are_shown_and_few_queries_are_made(cast: Cast, today: date) -> None:
    with platform_scope("test"):
        people = User.objects.bulk_create(User(email=f"p{n}@acme.example") for n in range(60))
        UsageDay.objects.bulk_create(
            UsageDay(
                tenant=cast.acme.tenant,
                whose="user",
                subject=person.pk,
                day=today,
                cost_micros=number * 1000,
            )
            for number, person in enumerate(people)
        )
    owner = signed_in(cast.acme.owner)
    with CaptureQueriesContext(connection) as captured:
        people_table = table(owner.get(ROOT).text, "user")
    assert len(captured) <= 30
    assert people_table.count("<tr>") == 2 + MOST_ROWS + 1
    assert "p59@" in people_table
    assert "p1@" not in people_table
    assert "These cost most" in people_table
    assert len(exported(owner, by="user")) == 61
