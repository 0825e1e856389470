"""API keys: a new one is shown to who made it, once; afterwards only revoked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.base import TenantAdmin, TenantForm
from accounts.admin.visitors import actor_of, may
from accounts.api_keys import revoke_api_key, save_new_api_key
from accounts.models import ApiKey
from accounts.roles import KEY_SCOPES, Permission


class ApiKeyForm(TenantForm):
    scopes = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)
    grantable: tuple[str, ...] = tuple(KEY_SCOPES)  # what the visitor may do herself

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            offered = [*self.grantable, *(self.instance.scopes or ())]
            self.fields["scopes"].choices = [  # type: ignore[attr-defined]
                (scope, scope) for scope in KEY_SCOPES if scope in offered
            ]


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    seen_with = changed_with = Permission.MANAGE_API_KEYS
    deletable = False  # revoke it instead: what it did stays explained
    form = ApiKeyForm
    fields = (
        "tenant",
        "name",
        "scopes",
        "expires_at",
        "prefix",
        "last_used_at",
        "revoked_at",
        "creator",
        "created_at",
    )
    list_display = ("name", "prefix", "tenant", "status", "last_used_at", "expires_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant", "created_by")
    search_fields = ("name", "prefix")
    autocomplete_fields = ("tenant",)
    readonly_fields = ("prefix", "last_used_at", "revoked_at", "creator", "created_at")
    ordering = ("-id",)
    actions = ("revoke",)

    @admin.display(description="state")
    def status(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "Revoked"
        return "Active" if key.is_valid(timezone.now()) else "Expired"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        known = set(self.readonly_fields)
        return list(fields) if obj else [name for name in fields if name not in known]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"grantable": grantable_scopes(request)})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.created_by = request.user
        # Kept on the object until this request's answer, and nowhere else.
        obj.new_text = save_new_api_key(obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "opts": self.opts,
            "key": obj,
            "text": obj.new_text,
        }
        # No redirect and no message: both would put the key where it stays. The admin's own
        # answers are never cached.
        return render(request, "accounts/api_key_created.html", context)

    @admin.action(description="Revoke…", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(queryset.filter(revoked_at=None))
        asked = self.ask_first(
            request,
            keys,
            question="Revoke these API keys?",
            effects=["Programs that use them are refused from now on. It cannot be undone."],
            ends=True,
        )
        if asked:
            return asked
        revoked = sum(revoke_api_key(key, actor_of(request)) for key in keys)
        self.message_user(request, f"Revoked: {revoked}.", messages.SUCCESS)
        return None


def grantable_scopes(request: HttpRequest) -> tuple[str, ...]:
    """The scopes a visitor may give away: nobody makes a key that may do more than herself."""
    return tuple(
        scope
        for scope, permissions in KEY_SCOPES.items()
        if all(may(request, permission) for permission in permissions)
    )
