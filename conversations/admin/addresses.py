"""Pages of rows with an address that we ask: it has to be of one of the organisation's hosts, and
whoever may add to those can do it with the same form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldBooleanSwitchWidget

from accounts.admin.base import TenantAdmin, TenantForm
from accounts.admin.visitors import actor_of, may
from accounts.audit import record
from accounts.roles import Permission
from conversations.models import AllowedHost
from conversations.tools.egress import Egress, Refused, host_of, is_host_name, split
from conversations.tools.loading import egress_of


class AddressForm(TenantForm):
    """`may_allow` says whether the visitor may add to the organisation's hosts."""

    may_allow = False
    new_host = ""

    allow_host = forms.BooleanField(
        label="Allow this host",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Adds the address's host to the organisation's allowed hosts.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.may_allow:
            self.fields.pop("allow_host", None)

    def check_address(self, url: str) -> None:
        """Add an error unless it may be asked; notes the host that is to be allowed for it."""
        try:
            egress = egress_of(self.instance.tenant_id)
            if self.cleaned_data.get("allow_host"):
                host = host_of(split(url))
                egress = Egress(egress.hosts | {host}, egress.private, egress.tls)
                self.new_host = host
            egress.check(url)
        except Refused as refused:
            told = f" Or tick “{self.fields['allow_host'].label}”." if self._may_help(url) else ""
            self.add_error("url", f"{refused.summary}{told}")

    def _may_help(self, url: str) -> bool:
        """Whether the visitor can put it right by allowing the host."""
        try:
            is_host = is_host_name(host_of(split(url)))
        except Refused:
            return False
        return is_host and "allow_host" in self.fields and not self.cleaned_data["allow_host"]


class AddressAdmin(TenantAdmin):
    """Its form is an AddressForm."""

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        may_allow = may(request, Permission.MANAGE_TENANT)
        return type(form.__name__, (form,), {"may_allow": may_allow})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        may_allow = may(request, Permission.MANAGE_TENANT) and (
            self.has_change_permission(request, obj) if obj else True
        )
        names = super().get_fields(request, obj)
        return [name for name in names if may_allow or name != "allow_host"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if form.new_host:
            host, is_new = AllowedHost.objects.get_or_create(
                tenant_id=obj.tenant_id, name=form.new_host
            )
            if is_new:
                record("allowedhost.created", host, actor=actor_of(request))
        super().save_model(request, obj, form, change)
