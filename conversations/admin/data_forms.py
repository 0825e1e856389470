"""The forms of what is kept: for how long, what is held, and whom to erase."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin.base import TenantForm
from conversations.models import Conversation, LegalHold
from conversations.retention.due import Policy
from conversations.retention.person import Nobody, Person, find

Covers = LegalHold.Covers

MOST_DAYS = 36_500
NOBODY = "Nobody here has this address or id. Look it up in the conversation's page."


class PolicyForm(forms.Form):
    """For how many days after its end something of a conversation is kept."""

    text = forms.IntegerField(
        label="Words",
        help_text="Turns, notes and what tools answered. Nothing: for good.",
        required=False,
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    audio = forms.IntegerField(
        label="Sound",
        help_text="Never longer than was promised to who agreed to be recorded.",
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    events = forms.IntegerField(
        label="Events",
        help_text="What happened besides: lost connections, interruptions. Nothing: for good.",
        required=False,
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        least = settings.RETENTION_MIN_DAYS
        for name, days in list(cleaned.items()):
            if days is not None and days < least:
                self.add_error(name, f"{least} or more: that is this service's minimum.")
        return cleaned

    @property
    def policy(self) -> Policy:
        """What a valid form says."""
        return Policy(**self.cleaned_data)


class HoldForm(TenantForm):
    whom = forms.CharField(
        label="Of",
        required=False,
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text="The id of the conversation, the e-mail of the person, or your own program's id "
        "of its user. Nothing for the whole organisation.",
    )

    class Meta:
        model = LegalHold
        fields = ("covers", "why")
        widgets = {"covers": UnfoldAdminSelectWidget}
        help_texts = {"why": "Such as a case's number. It stands in the audit for good."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self._cover(Covers(cleaned["covers"]), cleaned["whom"].strip())
            except ValidationError as error:
                self.add_error("whom", error)
        return cleaned

    def _cover(self, covers: LegalHold.Covers, whom: str) -> None:
        """Raises ValidationError for what does not fit, or is not there."""
        hold = self.instance
        match covers:
            case Covers.TENANT if whom:
                raise ValidationError("Leave it empty: the hold covers the whole organisation.")
            case Covers.TENANT:
                pass
            case Covers.CONVERSATION:
                hold.conversation = _conversation(whom)
            case Covers.PERSON:
                hold.person = person_of(whom).user_id
                if hold.person is None:
                    raise ValidationError("Enter the e-mail of one of your people.")
            case Covers.END_USER if not whom:
                raise ValidationError("Enter your program's own id of its user.")
            case Covers.END_USER:
                hold.end_user = whom  # who is held before the first conversation is held as well


def _conversation(text: str) -> Conversation:
    try:
        found: Conversation | None = Conversation.objects.filter(pk=UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise ValidationError("There is no conversation of this id.")
    return found


def person_of(text: str) -> Person:
    """Whom an address or id is of. Raises ValidationError."""
    try:
        return find(text)
    except Nobody:
        raise ValidationError(NOBODY) from None


class WhomForm(forms.Form):
    """The one person to erase."""

    whom = forms.CharField(
        label="Whom",
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text="The e-mail of one of your people, or your own program's id of its user.",
    )

    def clean_whom(self) -> Person:
        return person_of(self.cleaned_data["whom"])
