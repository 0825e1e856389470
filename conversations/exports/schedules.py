"""Exports by the clock: which days one is of, when the next one is due, and asking for it."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.exports.jobs import ExportRefused, check, record_asking
from conversations.exports.wanted import Wanted
from conversations.models import Export, ExportSchedule

log = logging.getLogger(__name__)

Every = ExportSchedule.Every
DAY: Final = timedelta(days=1)
# Of each schedule in one round, so that a long pause of the service is caught up in pieces.
MOST_AT_ONCE: Final = 31
MOST_SCHEDULES: Final = 50
LONGEST_KEPT_DAYS: Final = 3650


class TooManySchedules(ExportRefused):
    code = "too_many_schedules"

    def __init__(self) -> None:
        super().__init__(f"There are {MOST_SCHEDULES} schedules. Delete one that is not needed.")


def check_room() -> None:
    """Needs the tenant's scope. Raises TooManySchedules."""
    if ExportSchedule.objects.all()[:MOST_SCHEDULES].count() >= MOST_SCHEDULES:
        raise TooManySchedules


def check_schedule(schedule: ExportSchedule) -> None:
    """Raises ExportRefused for one whose exports cannot be made. Needs the tenant's scope."""
    wanted = Wanted.from_json(schedule.wanted)
    for each in schedule.formats:
        check(wanted, each, is_redacted=schedule.is_redacted)


def answer_for(
    schedule: ExportSchedule, actor: str, now: datetime, changed: Collection[str]
) -> list[str]:
    """Whoever makes or changes it answers for what it asks for from then on. Returns the names of
    the fields that this sets; it saves nothing."""
    schedule.asked_by = actor
    if schedule._state.adding or not {"is_on", "every", "hour"}.isdisjoint(changed):
        schedule.next_at = due_after(schedule.every, schedule.hour, now)
        return ["asked_by", "next_at"]
    return ["asked_by"]


def period_before(every: str, at: datetime) -> tuple[datetime, datetime]:
    """The last day, week or month (of UTC) that was over at a time: its begin, and its end."""
    end = _begin_of(every, at)
    return _begin_of(every, end - DAY), end


def due_after(every: str, hour: int, at: datetime) -> datetime:
    """When the next exports are due after a time: at an hour of the first day of a day, week or
    month (of UTC)."""
    due = _begin_of(every, at) + timedelta(hours=hour)
    if due > at:
        return due
    return _begin_of(every, _begin_of(every, at) + _MORE_THAN_ONE[every]) + timedelta(hours=hour)


# Leads into the next one, wherever in this one it begins with its first day.
_MORE_THAN_ONE: Final = {
    Every.DAY.value: DAY,
    Every.WEEK.value: 7 * DAY,
    Every.MONTH.value: 31 * DAY,
}


def _begin_of(every: str, at: datetime) -> datetime:
    day = at.astimezone(UTC).date()
    if every == Every.WEEK:
        day -= day.weekday() * DAY
    if every == Every.MONTH:
        day = day.replace(day=1)
    return datetime.combine(day, time(), UTC)


@shared_task
def ask_for_due_exports(now: datetime | None = None) -> int:
    """Ask for what the schedules want by now. Returns how many exports that were.

    Two at once ask once: who moves a schedule's time on asks for its exports.
    """
    now = now or timezone.now()
    with platform_scope("export schedules that are due"):
        due = ExportSchedule.objects.filter(is_on=True, next_at__lte=now)
        due = due.filter(tenant__state=Tenant.State.ACTIVE)
        found = list(due.order_by("next_at"))
    count = 0
    for schedule in found:
        with tenant_scope(schedule.tenant_id):
            count += _catch_up(schedule, now)
    if count:
        log.info("asked for %d scheduled exports", count)
    return count


def _catch_up(schedule: ExportSchedule, now: datetime) -> int:
    count = 0
    for _ in range(MOST_AT_ONCE):
        if schedule.next_at > now:
            break
        count += ask_for(schedule)
    return count


def ask_for(schedule: ExportSchedule) -> int:
    """Ask for the exports that are due, and move the schedule on. Returns how many."""
    due = schedule.next_at
    schedule.next_at = due_after(schedule.every, schedule.hour, due)
    with transaction.atomic():
        same = ExportSchedule.objects.filter(pk=schedule.pk, next_at=due, is_on=True)
        if not same.update(next_at=schedule.next_at):
            return 0
        for wanted_format in schedule.formats:
            record_asking(_asked(schedule, wanted_format, due))
    return len(schedule.formats)


def _asked(schedule: ExportSchedule, wanted_format: str, due: datetime) -> Export:
    since, until = period_before(schedule.every, due)
    wanted = replace(Wanted.from_json(schedule.wanted), since=since, until=until)
    export: Export = Export.objects.create(
        format=wanted_format,
        is_redacted=schedule.is_redacted,
        wanted=wanted.as_json(),
        asked_by=schedule.asked_by,
        schedule=schedule,
        due_at=due,
        keep_days=schedule.keep_days,
    )
    return export
