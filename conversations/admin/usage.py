"""The page of what was used: by day, agent and person; for operators by day and organisation."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminSingleDateWidget

from accounts.admin.base import FormBase, TenantAdmin
from accounts.admin.visitors import actor_of, caller_of, is_operator
from accounts.audit import record
from accounts.roles import Permission
from accounts.tenancy import platform_scope, tenant_scope
from conversations.admin.spend import spend_of_month, usage_charts
from conversations.models import UsageDay
from conversations.usage.export import csv_answer, names_of
from conversations.usage.periods import DAY, day_of
from conversations.usage.report import Line, by_day, by_subject, of_subjects, total_of

Whose = UsageDay.Whose

DAYS = 30  # shown unless others are asked for
MOST_DAYS = 366
MOST_ROWS = 50
GONE = {Whose.AGENT: "Deleted agent", Whose.USER: "Person who left"}
PROGRAMS = "Programs with API keys"


class PeriodForm(forms.Form):
    """The days to look at, both included."""

    first = forms.DateField(label="From", widget=UnfoldAdminSingleDateWidget)
    last = forms.DateField(label="To", widget=UnfoldAdminSingleDateWidget)

    def clean(self) -> dict[str, Any]:
        chosen: dict[str, Any] = super().clean() or {}
        first, last = chosen.get("first"), chosen.get("last")
        if first and last and first > last:
            raise forms.ValidationError("The last day is before the first one.")
        if first and last and (last - first).days >= MOST_DAYS:
            raise forms.ValidationError(f"Choose at most {MOST_DAYS} days.")
        return chosen


@dataclass(frozen=True, slots=True)
class Period:
    first: date
    last: date

    @property
    def query(self) -> str:
        return urlencode({"first": self.first.isoformat(), "last": self.last.isoformat()})


@dataclass(frozen=True, slots=True)
class Row:
    name: str | date
    line: Line


@dataclass(frozen=True, slots=True)
class Section:
    """A table; `by` names it in the address of its CSV. `more` says that rows are left out."""

    by: str
    title: str
    heading: str
    rows: list[Row]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    query: str


class UsageForm(FormBase):
    class Meta:
        model = UsageDay
        fields = ("day",)


@admin.register(UsageDay)
class UsageAdmin(TenantAdmin):
    seen_with = Permission.READ_USAGE
    addable = changeable = deletable = False
    kept = ()
    form = UsageForm
    fields = ("day", "whose", "subject", "tenant", "talked_ms", "cost_micros", "currency")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export)
        own = path("export/", view, name="conversations_usageday_export")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        today = day_of(timezone.now())
        form, period = chosen_period(request, today)
        lines = by_day(period.first, period.last)
        context = {
            **self.admin_site.each_context(request),
            "title": "Usage",
            "opts": self.opts,
            "form": form,
            "period": period,
            "choices": choices_at(today),
            "total": total_of(lines.values()),
            "spend": spend_of_month(timezone.now()),
            "charts": usage_charts(lines, _days_of(period)),
            "sections": sections_for(request, period, lines),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/usage.html", context)

    @method_decorator(require_safe)
    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """The CSV of one of the tables, day by day. The audit says who took it."""
        by = request.GET.get("by", "day")
        if by not in offered_to(request):
            raise Http404
        form, period = chosen_period(request, day_of(timezone.now()))
        if form.is_bound and not form.is_valid():
            raise Http404
        said = {"by": by, "first": period.first.isoformat(), "last": period.last.isoformat()}
        record("usage.exported", actor=actor_of(request), after=said)
        enter = partial(enter_again, _tenant_of(request))
        return csv_answer(by, period.first, period.last, enter=enter)


def chosen_period(request: HttpRequest, today: date) -> tuple[PeriodForm, Period]:
    """The form as it was filled in, and the days to show: the last ones where it was not, or not
    well."""
    usual = Period(today - (DAYS - 1) * DAY, today)
    asked = "first" in request.GET or "last" in request.GET
    if not asked:
        return PeriodForm(initial={"first": usual.first, "last": usual.last}), usual
    form = PeriodForm(request.GET)
    return form, Period(**form.cleaned_data) if form.is_valid() else usual


def choices_at(today: date) -> list[Choice]:
    """Periods that are one click away."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return [
        Choice("This month", Period(month, today).query),
        Choice("Last month", Period(before.replace(day=1), before).query),
        Choice(f"Last {DAYS} days", Period(today - (DAYS - 1) * DAY, today).query),
    ]


def _days_of(period: Period) -> list[date]:
    length = (period.last - period.first).days + 1
    return [period.first + number * DAY for number in range(length)]


# -- Tables ------------------------------------------------------------------------------------


def offered_to(request: HttpRequest) -> tuple[str, ...]:
    """The tables a visitor may have: who uses what within a tenant is the tenant's business."""
    if is_operator(request):
        return ("day", Whose.TENANT)
    return ("day", Whose.AGENT, Whose.USER)


def sections_for(request: HttpRequest, period: Period, lines: dict[date, Line]) -> list[Section]:
    if is_operator(request):
        subjects = [_section(Whose.TENANT, "By organisation", period)]
    else:
        people = _section(Whose.USER, "By person", period)
        subjects = [_section(Whose.AGENT, "By agent", period), with_programs(people, period, lines)]
    newest = [Row(day, lines[day]) for day in sorted(lines, reverse=True)]
    return [*subjects, Section("day", "By day", "Day (UTC)", newest)]


def _section(whose: Whose, title: str, period: Period) -> Section:
    found = by_subject(whose, period.first, period.last, most=MOST_ROWS + 1)
    names = names_of(whose, found)
    rows = [Row(names.get(subject, GONE.get(whose, "")), found[subject]) for subject in found]
    return Section(whose, title, str(whose.label), rows[:MOST_ROWS], len(rows) > MOST_ROWS)


def with_programs(people: Section, period: Period, lines: dict[date, Line]) -> Section:
    """What nobody signed in for: the rest of the whole."""
    rest = total_of(lines.values()) - of_subjects(Whose.USER, period.first, period.last)
    if not (rest.tokens or rest.talked_ms):
        return people
    rows = [*people.rows, Row(PROGRAMS, rest)]
    return Section(people.by, people.title, people.heading, rows, people.more)


def _tenant_of(request: HttpRequest) -> UUID | None:
    """None for an operator."""
    caller = None if is_operator(request) else caller_of(request)
    return None if caller is None else caller.tenant_id


def enter_again(tenant_id: UUID | None) -> AbstractContextManager[Any]:
    if tenant_id is None:
        return platform_scope("an operator exports usage")
    return tenant_scope(tenant_id)
