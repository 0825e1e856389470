"""Prices: the operators' table. What was used is counted at those that stood when it was."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.admin.base import FormBase, TenantAdmin
from conversations.models import Price, UsageDay
from conversations.usage.money import MICROS, decimal


class PriceForm(FormBase):
    """`amount` is in whole units of the currency, as price lists have it."""

    amount = forms.DecimalField(
        label="Price of a million tokens",
        required=False,
        min_value=0,
        max_digits=14,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Leave it empty if it is not known: the cost is then shown as unknown.",
    )

    class Meta:
        model = Price
        fields = ("model", "kind", "amount", "currency", "valid_from", "note")
        help_texts = {
            "model": "A model's name without its path. With * at the end: all that begin so.",
            "kind": "Other: the service did not say of what the tokens are.",
            "currency": "Three letters, as EUR. All prices are in the same one.",
            "valid_from": "Earlier use keeps the cost it was counted at.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        micros = self.instance.micros_per_million
        if micros is not None:
            self.initial["amount"] = decimal(micros, 6).replace(",", "")

    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"].strip()
        if "*" in model[:-1] or "/" in model:
            raise ValidationError("Only the name, without a path, and * only at its end.")
        return model

    def clean_currency(self) -> str:
        """Sums of two currencies mean nothing, so there is only one."""
        currency: str = self.cleaned_data["currency"].strip().upper()
        if len(currency) != 3 or not currency.isalpha():
            raise ValidationError("Three letters, as EUR or USD.")
        other = self._other_currency(currency)
        if other:
            raise ValidationError(
                f"Prices and costs are in {other} here. Enter this price in {other} too."
            )
        return currency

    def _other_currency(self, currency: str) -> str:
        prices = Price.objects.exclude(pk=self.instance.pk).exclude(currency=currency)
        counted = UsageDay.objects.exclude(currency__in=("", currency))
        for rows in (prices, counted):
            found = rows.values_list("currency", flat=True).order_by().first()
            if found:
                return str(found)
        return ""

    def _post_clean(self) -> None:
        amount = self.cleaned_data.get("amount")
        self.instance.micros_per_million = None if amount is None else int(amount * MICROS)
        super()._post_clean()  # type: ignore[misc]


@admin.register(Price)
class PriceAdmin(TenantAdmin):
    form = PriceForm
    kept = ()
    fields = PriceForm.Meta.fields
    list_display = ("model", "kind", "amount", "valid_from", "note")
    list_filter = ("kind",)
    search_fields = ("model",)
    search_help_text = "A part of a model's name"
    ordering = ("model", "kind", "-valid_from")

    @admin.display(description="price of a million tokens", ordering="micros_per_million")
    def amount(self, price: Price) -> str:
        micros = price.micros_per_million
        return "not known" if micros is None else f"{decimal(micros, 2)} {price.currency}"
