from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.exports.schedules import (
    MOST_AT_ONCE,
    ask_for,
    ask_for_due_exports,
    due_after,
    period_before,
)
from conversations.exports.wanted import Wanted
from conversations.models import Export, ExportSchedule
from tests.cast import Cast, Company

EVERY = ("day", "week", "month")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T00:00:00+00:00")


@pytest.mark.parametrize(
    ("every", "at", "since", "until"),
    [
        ("day", "2026-11-25", "2026-11-24", "2026-11-25"),
        ("day", "2026-03-01", "2026-02-28", "2026-03-01"),
        ("week", "2026-11-25", "2026-11-16", "2026-11-23"),
        ("week", "2026-11-23", "2026-11-16", "2026-11-23"),
        ("month", "2026-11-25", "2026-10-01", "2026-11-01"),
        ("month", "2026-01-01", "2025-12-01", "2026-01-01"),
    ],
)
def test_what_is_over(every: str, at: str, since: str, until: str) -> None:
    assert period_before(every, day(at) + timedelta(hours=3)) == (day(since), day(until))


@pytest.mark.parametrize(
    ("every", "hour", "due"),
    [
        ("day", 2, "2026-11-26T02"),
        ("day", 13, "2026-11-25T13"),
        ("day", 12, "2026-11-26T12"),
        ("week", 2, "2026-11-30T02"),
        ("month", 23, "2026-12-01T23"),
    ],
)
def test_when_it_is_due(every: str, hour: int, due: str) -> None:
    assert due_after(every, hour, NOON) == datetime.fromisoformat(f"{due}:00:00+00:00")


@given(
    st.sampled_from(EVERY),
    st.integers(0, 23),
    st.integers(0, 50_000_000).map(lambda minutes: day("2000-01-01") + timedelta(minutes=minutes)),
)
def test_period_follows_period(every: str, hour: int, at: datetime) -> None:
    """No day is left out, and none is exported twice."""
    due = due_after(every, hour, at)
    after = due_after(every, hour, due)
    assert at < due < after
    assert period_before(every, due)[1] == period_before(every, after)[0]
    assert due_after(every, hour, after - timedelta(seconds=1)) == after


def schedule_of(company: Company, **fields: Any) -> ExportSchedule:
    usual = {"name": "Daily", "formats": ["jsonl", "csv"], "asked_by": "user:x", "hour": 2}
    usual |= {"next_at": day("2026-11-25") + timedelta(hours=2), "keep_days": 5}
    with tenant_scope(company.tenant.pk):
        row: ExportSchedule = ExportSchedule.objects.create(**(usual | fields))
    return row


def exports() -> list[Export]:
    with platform_scope("test"):
        return list(Export.objects.order_by("id"))


@pytest.mark.django_db
def test_what_is_due_is_asked_for_once(cast: Cast) -> None:
    schedule = schedule_of(cast.acme, wanted={"state": "ended"}, is_redacted=True)
    schedule_of(cast.globex, is_on=False)
    assert ask_for_due_exports(NOON) == 2
    assert ask_for_due_exports(NOON) == 0
    made = exports()
    assert [export.format for export in made] == ["jsonl", "csv"]
    for export in made:
        assert export.tenant_id == cast.acme.tenant.pk
        assert export.schedule_id == schedule.pk
        assert (export.keep_days, export.is_redacted, export.asked_by) == (5, True, "user:x")
        assert Wanted.from_json(export.wanted) == Wanted(
            state="ended", since=day("2026-11-24"), until=day("2026-11-25")
        )
    with tenant_scope(cast.acme.tenant.pk):
        schedule.refresh_from_db()
    assert schedule.next_at == day("2026-11-26") + timedelta(hours=2)


@pytest.mark.django_db
def test_two_rounds_at_once_ask_once(cast: Cast) -> None:
    schedule = schedule_of(cast.acme)
    with tenant_scope(cast.acme.tenant.pk):
        seen_twice = ExportSchedule.objects.get(pk=schedule.pk)
        assert (ask_for(schedule), ask_for(seen_twice)) == (2, 0)
        with pytest.raises(IntegrityError), transaction.atomic():
            Export.objects.filter(format="csv").update(format="jsonl")
    assert len(exports()) == 2


@pytest.mark.django_db
def test_what_was_missed_is_caught_up_in_pieces(cast: Cast) -> None:
    schedule_of(cast.acme, formats=["csv"], next_at=NOON - timedelta(days=40))
    assert ask_for_due_exports(NOON) == MOST_AT_ONCE
    assert ask_for_due_exports(NOON) == 40 + 1 - MOST_AT_ONCE
    untils = [Wanted.from_json(export.wanted).until for export in exports()]
    assert len(set(untils)) == 41
    assert untils == sorted(filter(None, untils))


@pytest.mark.django_db
def test_an_organisation_that_is_suspended_or_leaves_gets_none(cast: Cast) -> None:
    schedule_of(cast.acme)
    for state in (Tenant.State.SUSPENDED, Tenant.State.LEAVING):
        Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=state)
        assert ask_for_due_exports(NOON) == 0
