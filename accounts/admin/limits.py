"""Limits in a form: their fields, what is used beside each, and what saving them would end.

A set of limits is a JSON field of its row (`accounts.limits`); the form has a field for each
limit. `accounts` knows no conversations: who counts them registers a meter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldBooleanWidget,
)

from accounts.admin.base import FormBase, TenantAdmin
from accounts.admin.visitors import is_operator
from accounts.limits import Limits

MINUTE_MS = 60_000
MICROS = 1_000_000
END_RUNNING = "end_running"


class Meter(Protocol):
    """Counts what limits bound."""

    def used(self, row: Any, limit_set: str) -> dict[str, str]:
        """Limit -> a sentence on what was used of it so far."""

    def would_end(self, row: Any) -> int:
        """How many running conversations the limits in the row, which is not saved, would end."""


_meters: list[Meter] = []


def measure_with(meter: Meter) -> None:
    _meters.append(meter)


@dataclass(frozen=True, slots=True)
class LimitSet:
    """One JSON field of a row. Only operators change one that is `operators_only`; `within`
    names the field of another set that narrows this one."""

    field: str
    title: str
    text: str
    operators_only: bool = False
    within: str = ""

    def names(self) -> list[str]:
        return [f"{self.field}_{limit}" for limit in FIELDS]


@dataclass(frozen=True, slots=True)
class LimitField:
    """How a limit is entered: in `unit`s of what is stored."""

    label: str
    text: str
    unit: int = 1
    largest: int | None = None
    decimals: bool = False

    def form_field(self) -> forms.Field:
        shared: dict[str, Any] = {"label": self.label, "help_text": self.text, "required": False}
        if self.decimals:
            widget = UnfoldAdminDecimalFieldWidget
            return forms.DecimalField(
                min_value=0, decimal_places=2, max_digits=12, widget=widget, **shared
            )
        return forms.IntegerField(
            min_value=1, max_value=self.largest, widget=UnfoldAdminIntegerFieldWidget, **shared
        )

    def shown(self, stored: int | None) -> Decimal | int | None:
        if stored is None:
            return None
        return Decimal(stored) / self.unit if self.decimals else stored // self.unit

    def stored(self, entered: Decimal | int | None) -> int | None:
        return None if entered is None else int(entered * self.unit)


FIELDS = {
    "sessions": LimitField("Conversations at once", "Beyond it, new ones are refused."),
    "day_minutes": LimitField("Minutes a day", "Of all conversations; a day begins at 0:00 UTC."),
    "month_minutes": LimitField("Minutes a month", "A month begins on its first day, 0:00 UTC."),
    "day_spend_micros": LimitField(
        "Spend a day", "In the currency of the prices.", unit=MICROS, decimals=True
    ),
    "month_spend_micros": LimitField(
        "Spend a month", "In the currency of the prices.", unit=MICROS, decimals=True
    ),
    "length_ms": LimitField(
        "Longest conversation",
        "In minutes since it began. The page counts down.",
        unit=MINUTE_MS,
    ),
    "idle_ms": LimitField(
        "Idle time", "In minutes. A conversation ends when nobody says anything for so long.",
        unit=MINUTE_MS,
    ),
    "messages_per_min": LimitField("Typed messages a minute", "In each conversation."),
    "message_chars": LimitField("Characters in a message", "At most 8000.", largest=8000),
    "warn_percent": LimitField(
        "Warn at", "Per cent of a budget; 80 if empty.", largest=99
    ),
}  # fmt: skip
# The budget of a day and that of the month around it.
PAIRS = (("day_minutes", "month_minutes"), ("day_spend_micros", "month_spend_micros"))


class LimitsForm(FormBase):
    """The part of a form that has limits. Made by `with_limits`."""

    limit_sets: ClassVar[tuple[LimitSet, ...]] = ()
    by_operator = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for limit_set in self._shown():
            limits = Limits.from_json(getattr(self.instance, limit_set.field))
            for limit, field in FIELDS.items():
                name = f"{limit_set.field}_{limit}"
                self.initial[name] = field.shown(getattr(limits, limit))
                self.fields[name].disabled = limit_set.operators_only and not self.by_operator
            if limit_set.within:
                self._tell_plan(limit_set)
            self._tell_use(limit_set)

    @property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if name != END_RUNNING]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for limit_set in self._shown():
            for day, month in PAIRS:
                self._check_pair(f"{limit_set.field}_{day}", f"{limit_set.field}_{month}")
        if not self.errors and self._shown():
            self._take(cleaned)
            self._ask_before_ending(cleaned)
        return cleaned

    def _shown(self) -> list[LimitSet]:
        """The sets that this page has: somebody who only looks gets none."""
        return [each for each in self.limit_sets if each.names()[0] in self.fields]

    def _tell_plan(self, limit_set: LimitSet) -> None:
        """Beside each limit what an operator allows at the most."""
        plan = Limits.from_json(getattr(self.instance, limit_set.within))
        for limit, field in FIELDS.items():
            if (most := field.shown(getattr(plan, limit))) is not None:
                shown = self.fields[f"{limit_set.field}_{limit}"]
                shown.help_text = f"The plan allows {most}. {shown.help_text}"

    def _tell_use(self, limit_set: LimitSet) -> None:
        if self.instance._state.adding:
            return
        for meter in _meters:
            for limit, sentence in meter.used(self.instance, limit_set.field).items():
                field = self.fields[f"{limit_set.field}_{limit}"]
                field.help_text = f"{sentence} {field.help_text}"

    def _check_pair(self, day: str, month: str) -> None:
        of_day, of_month = self.cleaned_data.get(day), self.cleaned_data.get(month)
        if of_day is not None and of_month is not None and of_day > of_month:
            self.add_error(
                day, "This is more than a whole month may have: enter less, or more there."
            )

    def _take(self, cleaned: dict[str, Any]) -> None:
        for limit_set in self._shown():
            entered = {
                limit: field.stored(cleaned.get(f"{limit_set.field}_{limit}"))
                for limit, field in FIELDS.items()
            }
            setattr(self.instance, limit_set.field, Limits(**entered).to_json())

    def _ask_before_ending(self, cleaned: dict[str, Any]) -> None:
        """Limits that end running conversations are saved once that was agreed to."""
        names = {name for each in self._shown() for name in each.names()}
        if cleaned.get(END_RUNNING) or not names.intersection(self.changed_data):
            return
        if self.instance._state.adding:
            return
        count = sum(meter.would_end(self.instance) for meter in _meters)
        if count:
            self.fields[END_RUNNING].widget = UnfoldBooleanWidget()
            noun = "running conversation" if count == 1 else "running conversations"
            self.add_error(
                END_RUNNING,
                f"{count} {noun} would end by these limits, each after a notice of 20 seconds. "
                "Tick this and save again, or enter more.",
            )


def with_limits(*sets: LimitSet) -> Callable[[type[FormBase]], Any]:
    """Class decorator: give a model's form the fields of these sets."""

    def decorate(form: type[FormBase]) -> Any:
        fields = {
            name: field.form_field()
            for each in sets
            for name, field in zip(each.names(), FIELDS.values(), strict=True)
        }
        agreed = forms.BooleanField(
            label="End them", required=False, widget=forms.HiddenInput(), initial=False
        )
        body = {
            **fields,
            END_RUNNING: agreed,
            "limit_sets": sets,
            "Meta": form.Meta,  # type: ignore[attr-defined]
            "__module__": form.__module__,
        }
        metaclass: Any = type(form)
        return metaclass(form.__name__, (LimitsForm, form), body)

    return decorate


class LimitsAdmin(TenantAdmin):
    """An admin whose form was made by `with_limits`: the limits stand below the other fields."""

    limits_when_added = True

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets = self._limit_sets(request, obj)
        fields = list(self.get_fields(request, obj))
        if not sets:
            return [(None, {"fields": fields})]
        return [
            (None, {"fields": [*fields, END_RUNNING]}),
            *((each.title, {"fields": paired(each), "description": each.text}) for each in sets),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"by_operator": is_operator(request)})

    def _limit_sets(self, request: HttpRequest, obj: Model | None) -> Sequence[LimitSet]:
        if obj is None:
            shown = self.limits_when_added and self.has_add_permission(request)
        else:
            shown = self.has_change_permission(request, obj)
        form: Any = self.form
        sets: Sequence[LimitSet] = form.limit_sets
        return sets if shown else ()


def paired(limit_set: LimitSet) -> list[str | tuple[str, ...]]:
    """The names of a set's fields: what belongs together stands side by side."""
    names = iter(limit_set.names())
    first = next(names)
    pairs: Iterable[tuple[str, ...]] = zip(names, names, strict=False)
    return [first, *pairs, limit_set.names()[-1]]
