from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from conversations.models import BudgetNotice
from conversations.quotas.notices import note, notices
from conversations.quotas.parties import Parties
from conversations.quotas.running import standings
from tests.conversations.quotas.ledger import ids, limit, membership_of, running, used
from tests.conversations.talks import make_agent

if TYPE_CHECKING:
    from tests.cast import Cast


@pytest.fixture
def mailing(settings: Any) -> Iterator[None]:
    """A mail server that takes what tasks hand it into `mail.outbox`."""
    settings.EMAIL_URL = "smtp://localhost"
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def letters() -> list[tuple[str, str]]:
    """(reader, subject) of what was written so far, and none of it again."""
    found = [(each.to[0], str(each.subject)) for each in mail.outbox]
    mail.outbox.clear()
    return sorted(found)


@pytest.mark.usefixtures("mailing", "transactional_db")
def test_each_threshold_is_told_once_in_its_period(cast: Cast) -> None:
    tenant = cast.acme.tenant
    agent = make_agent(tenant)
    rows = ids(running(agent, cast.acme.member))
    limit(tenant, day_minutes=100)
    used(tenant, minutes=79)
    standings(rows)
    assert letters() == []
    used(tenant, minutes=80)
    standings(rows)
    standings(rows)
    soft = "Parley: Acme has used 80 % of the minutes of today"
    assert letters() == [("admin@acme.example", soft), ("owner@acme.example", soft)]
    used(tenant, minutes=130)
    standings(rows)
    standings(rows)
    hard = "Parley: Acme has used up the minutes of today"
    assert letters() == [("admin@acme.example", hard), ("owner@acme.example", hard)]
    with platform_scope("test"):  # the day after
        BudgetNotice.objects.update(since=timezone.now() - timedelta(days=1))
    standings(rows)
    assert letters() == [("admin@acme.example", hard), ("owner@acme.example", hard)]


@pytest.mark.usefixtures("mailing", "transactional_db")
def test_an_agents_budget_names_the_agent_and_a_persons_nobody(cast: Cast) -> None:
    tenant, member = cast.acme.tenant, cast.acme.member
    agent = make_agent(tenant)
    limit(agent, month_spend_micros=10_000_000)
    limit(membership_of(member), day_minutes=10)
    used(tenant, agent.pk, spent=9)
    used(tenant, member.pk, minutes=20)
    standings(ids(running(agent, member)))
    text = mail.outbox[0].body
    assert {subject for _, subject in letters()} == {
        "Parley: Shop has used 90 % of the budget of this month"
    }
    assert "The agent Shop of Acme has used 90 %" in text
    assert member.email not in text


@pytest.mark.usefixtures("mailing", "transactional_db")
def test_many_processes_tell_it_once(cast: Cast) -> None:
    limit(cast.acme.tenant, day_minutes=10)
    used(cast.acme.tenant, minutes=10)
    rows = ids(running(make_agent(cast.acme.tenant), cast.acme.member))
    together = threading.Barrier(4)

    def look() -> None:
        try:
            together.wait()
            standings(rows)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(look) for _ in range(4)]:
            each.result()
    assert len(letters()) == 2  # the owner and the admin, of the hard threshold only
    with platform_scope("test"):
        assert BudgetNotice.objects.count() == 2


@pytest.mark.django_db
def test_without_a_mail_server_the_page_tells(cast: Cast) -> None:
    tenant, agent = cast.acme.tenant, make_agent(cast.acme.tenant)
    limit(tenant, day_minutes=100, month_minutes=1000)
    limit(agent, month_spend_micros=10_000_000)
    limit(cast.globex.tenant, day_minutes=1)
    used(tenant, minutes=100)
    used(tenant, agent.pk, spent=9)
    used(cast.globex.tenant, minutes=5)
    now = timezone.now()
    with tenant_scope(tenant.pk):
        shown = [(each.mark, each.text) for each in notices(tenant.pk, now)]
    assert shown == [
        ("bad", "Acme has used up the minutes of today: new conversations are refused."),
        ("warn", "Shop has used 90 % of the budget of this month."),
    ]
    limit(tenant, day_minutes=200)
    with tenant_scope(tenant.pk):
        assert [each.mark for each in notices(tenant.pk, now)] == ["warn"]


@pytest.mark.django_db
def test_what_is_not_reached_is_not_noted(cast: Cast) -> None:
    parties = Parties(cast.acme.tenant.pk, cast.acme.tenant.pk, None)
    note([(parties, [])], timezone.now())
    with platform_scope("test"):
        assert not BudgetNotice.objects.exists()
