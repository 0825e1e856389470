import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Credential, Membership
from accounts.tenancy import TenantScope, platform_scope, tenant_scope
from conversations.admin.charts import Chart
from conversations.admin.home import DAYS, charts_of, last_days
from conversations.models import Conversation
from conversations.states import EndReason, TokenKind
from conversations.usage.periods import day_of
from conversations.usage.report import by_day
from tests.accounts.admin.desk import store
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, signed_in
from tests.conversations.usage.uses import set_prices, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_acme(cast: Cast) -> Iterator[TenantScope]:
    with tenant_scope(cast.acme.tenant.pk) as scope:
        yield scope


def done(page: str) -> list[bool]:
    """Of each step of the checklist, whether it is done."""
    return [part.startswith("yes") for part in page.split('data-done="')[1:]]


def test_the_checklist_follows_the_work(cast: Cast, keyset_file: object) -> None:
    with platform_scope("test"):
        ApiKey.objects.all().delete()
        Membership.objects.exclude(user=cast.acme.owner).delete()
    owner = signed_in(cast.acme.owner)
    page = owner.get("/admin/").text
    assert done(page) == [False] * 5
    assert "Set up: 5 to do" in page
    assert "/admin/accounts/credential/add/" in page
    assert "/admin/conversations/agent/add/" in page
    credential = store(cast.acme.tenant, is_primary=True)
    assert done(owner.get("/admin/").text) == [False] * 5  # it has not been verified
    with platform_scope("test"):
        Credential.objects.filter(pk=credential.pk).update(state="active")
    make_conversation(make_agent(cast.acme.tenant), cast.acme.owner)
    page = owner.get("/admin/").text
    assert done(page) == [True, True, False, True, False]
    assert f"/admin/accounts/credential/{credential.pk}/change/" in page


def test_links_are_for_who_may(cast: Cast) -> None:
    page = signed_in(cast.acme.developer).get("/admin/").text
    assert "/admin/conversations/agent/add/" in page
    assert "/admin/accounts/credential/" not in page


def test_health_tells_the_last_trial(cast: Cast, keyset_file: object) -> None:
    owner = signed_in(cast.acme.owner)
    assert "No credential" in owner.get("/admin/").text
    credential = store(cast.acme.tenant, is_primary=True)
    assert "It was never verified." in owner.get("/admin/").text
    failed = {"step": "setup", "outcome": "failed", "detail": "The API key is not valid."}
    with platform_scope("test"):
        Credential.objects.filter(pk=credential.pk).update(
            state="failing", verified_at=timezone.now(), verification={"findings": [failed]}
        )
    page = owner.get("/admin/").text
    assert "Failing" in page
    with platform_scope("test"):
        second = store(cast.acme.tenant, name="second")
        Credential.objects.filter(pk=second.pk).update(state="active")
    assert "second, a standby: no primary credential can be used now." in owner.get("/admin/").text
    assert "UTC: The API key is not valid." in page


def past(row: Conversation, days: int, number: int) -> Conversation:
    """Move a talk of three minutes into the past, with the id that it would have."""
    began = timezone.now() - timedelta(days=days)
    moved = UUID(int=int(began.timestamp() * 1000) << 80 | number)
    Conversation.objects.filter(pk=row.pk).update(
        id=moved, started_at=began, ended_at=began + timedelta(minutes=3)
    )
    return Conversation.objects.get(pk=moved)


def charts_until(now: datetime) -> list[Chart]:
    days = last_days(now)
    return charts_of(days, by_day(days[0], days[-1]))


def test_charts_hold_thirty_days_of_one_tenant(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    ends = (EndReason.USER_LEFT, EndReason.NETWORK_LOST, EndReason.USER_LEFT)
    for number, (days, reason) in enumerate(zip((1, 1, DAYS + 2), ends, strict=True)):
        row = make_conversation(agent, cast.acme.member, words=(), end_reason=reason)
        day = day_of(timezone.now()) - timedelta(days=days)
        with platform_scope("test"):
            moved = past(row, days, number)
        use(moved, day=day, talked_ms=180_000)
    use(make_conversation(make_agent(cast.globex.tenant), cast.globex.member))
    with tenant_scope(cast.acme.tenant.pk):
        talks, minutes, bad = charts_until(timezone.now())
    assert (talks.total, minutes.total, bad.total) == ("2", "6", "1")
    assert [bar.title.split(": ")[1] for bar in talks.bars] == ["2"]


@pytest.mark.usefixtures("in_acme")
def test_charts_of_nothing() -> None:
    assert [chart.bars for chart in charts_until(timezone.now())] == [[], [], []]


def test_few_queries_however_much_there_is(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    with platform_scope("test"):
        Conversation.objects.bulk_create(
            Conversation(tenant=cast.acme.tenant, agent=agent) for _ in range(200)
        )
    for user in (cast.acme.owner, cast.operator):
        client = signed_in(user)
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/admin/").status_code == 200
        assert len(captured) <= 30


def test_a_reviewer_sees_charts_and_a_developer_does_not(cast: Cast) -> None:
    assert "p-chart" in signed_in(cast.acme.reviewer).get("/admin/").text
    assert "p-chart" not in signed_in(cast.acme.developer).get("/admin/").text


def titles(page: str) -> list[str]:
    return re.findall("<h3>([^<]+)</h3>", page)


def test_who_may_see_the_cost_sees_it(cast: Cast) -> None:
    with platform_scope("test"):
        set_prices()
    row = make_conversation(make_agent(cast.acme.tenant), cast.acme.member)
    use(row, day=day_of(timezone.now()), tokens={TokenKind.AUDIO_OUT: 1_000_000})
    happened, cost = ["Conversations", "Minutes", "Ended badly"], ["Tokens", "Spend"]
    owner = signed_in(cast.acme.owner).get("/admin/").text
    assert titles(owner) == happened + cost
    assert "12.00 USD" in owner
    reviewer = signed_in(cast.acme.reviewer).get("/admin/").text
    assert titles(reviewer) == happened
    assert "USD" not in reviewer
    assert "USD" not in signed_in(cast.acme.developer).get("/admin/").text
    other = signed_in(cast.globex.owner).get("/admin/").text
    assert "It is counted from the first conversation on." in other
    assert "USD" not in other


def test_an_operator_sees_what_the_platform_cost(cast: Cast) -> None:
    with platform_scope("test"):
        set_prices()
    for company in (cast.acme, cast.globex):
        row = make_conversation(make_agent(company.tenant), company.member)
        use(row, day=day_of(timezone.now()), tokens={TokenKind.AUDIO_OUT: 1_000_000})
    assert "24.00 USD" in signed_in(cast.operator).get("/admin/").text
