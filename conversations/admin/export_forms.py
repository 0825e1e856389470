"""The forms of exports and of their schedules: which conversations, in which form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin.base import TenantForm
from accounts.models import Membership, User
from conversations.exports.jobs import ExportRefused, check
from conversations.exports.schedules import LONGEST_KEPT_DAYS, check_room
from conversations.exports.wanted import MOST_CHOSEN, Wanted
from conversations.models import Agent, Conversation, Export, ExportFormat, ExportSchedule
from conversations.states import ConversationState, EndReason

REDACTED: Final = (
    "Without e-mail addresses, telephone, card and account numbers, and the names that are known. "
    "It does not find everything: the guide tells what it misses."
)
ANY: Final = ("", "Any")


def words(states: Iterable[str]) -> list[tuple[str, str]]:
    return [(str(each), str(each).replace("-", " ").capitalize()) for each in states]


class WantedForm(TenantForm):
    """Which conversations. What is left empty is not asked for."""

    agent = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    person = forms.EmailField(
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text="The e-mail of one of your people.",
    )
    end_user = forms.CharField(
        label="End user",
        required=False,
        max_length=128,
        widget=UnfoldAdminTextInputWidget,
        help_text="What your own program calls the person who talked.",
    )
    conversation_state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[ANY, *words(ConversationState)],
        widget=UnfoldAdminSelectWidget,
    )
    end_reason = forms.ChoiceField(
        required=False, choices=[ANY, *words(EndReason)], widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "agent" not in self.fields:
            return  # it is only looked at
        agents = [(str(each.pk), each.name) for each in Agent.objects.order_by("name")]
        self.fields["agent"].choices = [ANY, *agents]  # type: ignore[attr-defined]
        if self.instance.wanted:
            self.initial.update(initial_of(Wanted.from_json(self.instance.wanted)))

    def clean_person(self) -> UUID | None:
        address = self.cleaned_data["person"]
        if not address:
            return None
        of_it = Membership.objects.filter(user__email__iexact=address)
        found: UUID | None = of_it.values_list("user_id", flat=True).first()
        if found is None:
            raise ValidationError("Nobody of this organisation has this address.")
        return found

    def wanted(self) -> Wanted:
        """What the form asks for; once it is valid."""
        said = self.cleaned_data
        return Wanted(
            agent=UUID(said["agent"]) if said["agent"] else None,
            user=said["person"],
            end_user=said["end_user"] or None,
            state=said["conversation_state"] or None,
            end_reason=said["end_reason"] or None,
        )


def initial_of(wanted: Wanted) -> dict[str, Any]:
    user = User.objects.filter(pk=wanted.user).first() if wanted.user else None
    return {
        "agent": str(wanted.agent or ""),
        "person": user.email if user else "",
        "end_user": wanted.end_user or "",
        "conversation_state": wanted.state or "",
        "end_reason": wanted.end_reason or "",
    }


class ExportForm(WantedForm):
    """One export, of what was chosen in the list of conversations or of what a filter finds."""

    conversations = forms.CharField(required=False, widget=forms.HiddenInput)
    first = forms.DateField(
        label="From", required=False, widget=UnfoldAdminSingleDateWidget, help_text="Days of UTC."
    )
    last = forms.DateField(label="To", required=False, widget=UnfoldAdminSingleDateWidget)

    class Meta:
        model = Export
        fields = ("format", "is_redacted")
        help_texts = {"is_redacted": REDACTED}
        widgets = {"format": UnfoldAdminSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("format", ExportFormat.JSONL)

    def clean_conversations(self) -> tuple[UUID, ...]:
        """Raises ValidationError for what was not chosen in the list."""
        text = self.cleaned_data["conversations"]
        try:
            chosen = tuple(dict.fromkeys(UUID(each) for each in text.split(",") if each))
        except ValueError:
            raise ValidationError("Choose them in the list of conversations.") from None
        known = Conversation.objects.filter(pk__in=chosen[: MOST_CHOSEN + 1]).count()
        if known != len(chosen) or known > MOST_CHOSEN:
            raise ValidationError("Choose them in the list of conversations.")
        return chosen

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day is before the first one.")
        if not self.errors:
            try:
                check(self.wanted(), cleaned["format"], is_redacted=cleaned["is_redacted"])
            except ExportRefused as error:
                raise ValidationError(str(error)) from None
        return cleaned

    def wanted(self) -> Wanted:
        said = self.cleaned_data
        first, last = said.get("first"), said.get("last")
        return replace(
            super().wanted(),
            conversations=said["conversations"],
            since=_begin(first) if first else None,
            until=_begin(last + timedelta(days=1)) if last else None,
        )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class ScheduleForm(WantedForm):
    """Exports by the clock."""

    formats = forms.MultipleChoiceField(
        choices=ExportFormat.choices,
        initial=[ExportFormat.JSONL],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="A file of each.",
    )
    hour = forms.IntegerField(
        label="Hour",
        min_value=0,
        max_value=23,
        initial=2,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Of the day (UTC) after the day, week or month that it is of.",
    )
    keep_days = forms.IntegerField(
        label="Keep for days",
        min_value=1,
        max_value=LONGEST_KEPT_DAYS,
        initial=30,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Then each file is deleted.",
    )

    class Meta:
        model = ExportSchedule
        fields = ("name", "is_on", "every", "hour", "formats", "is_redacted", "keep_days")
        help_texts = {"is_redacted": REDACTED, "every": "Each is of the one before."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("is_redacted") and ExportFormat.AUDIO in cleaned.get("formats", ()):
            self.add_error("formats", "Audio cannot be redacted. Leave one of the two out.")
        if self.instance._state.adding:
            try:
                check_room()
            except ExportRefused as error:
                raise ValidationError(str(error)) from None
        return cleaned

    def wanted(self) -> Wanted:
        """With what only programs ask for, and the form does not show."""
        before = Wanted.from_json(self.instance.wanted or {})
        kept = {name: getattr(before, name) for name in ("is_test", "tag", "text")}
        return replace(super().wanted(), **kept)
