"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from conversations.admin.addresses import AddressForm
from conversations.models import WebhookEndpoint, WebhookKind
from conversations.webhooks.endpoints import TooManyEndpoints, check_room


class WebhookForm(AddressForm):
    kinds = forms.MultipleChoiceField(
        label="Events",
        choices=[(kind.value, f"{kind.label} ({kind.value})") for kind in WebhookKind],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "kinds", "signing", "is_on")
        help_texts = {
            "url": "https://…, of one of the organisation's allowed hosts.",
            "signing": "With a key pair your server holds nothing that is secret. It stays so.",
            "is_on": "Turned off, nothing is written for it; what waits goes on waiting.",
        }
        widgets = {"signing": UnfoldAdminSelectWidget}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        self.check_address(cleaned["url"])
        if self.instance._state.adding:
            try:
                check_room()
            except TooManyEndpoints as error:
                raise ValidationError(str(error)) from None
        return cleaned
