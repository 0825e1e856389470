"""API keys: a new one is shown to who made it, once; afterwards it is rotated or revoked."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from accounts.admin.acts import Choice
from accounts.admin.base import TenantAdmin, TenantForm
from accounts.admin.visitors import actor_of, may
from accounts.api_keys import (
    OVERLAP,
    OVERLAPS,
    NoNetwork,
    networks_in,
    revoke_api_key,
    rotate_api_key,
    save_new_api_key,
    shown_prefix,
)
from accounts.models import ApiKey, User
from accounts.roles import KEY_SCOPES, SCOPE_MEANINGS, Permission

# More than these nobody chooses from in a form.
MOST_AGENTS = 500


# As the form and the question name them.
_HOUR = timedelta(hours=1)
OVERLAP_NAMES = {
    timedelta(0): "not at all: it ends now",
    timedelta(hours=1): "for 1 hour more",
    timedelta(hours=24): "for 24 hours more",
    timedelta(days=7): "for 7 days more",
    timedelta(days=30): "for 30 days more",
}


def agents_there_are() -> list[Any]:
    """The agents in scope, by name. They are `conversations`' rows, which `accounts` does not
    import."""
    return list(apps.get_model("conversations", "Agent").objects.order_by("name")[:MOST_AGENTS])


class ApiKeyForm(TenantForm):
    scopes = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)
    networks = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Where it may be used from: addresses or networks such as 203.0.113.0/24, one a"
        " line. Empty: from everywhere.",
    )
    agents = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Which agents it may have to do with. None chosen: all, and what concerns the"
        " organisation as a whole.",
    )
    grantable: tuple[str, ...] = tuple(KEY_SCOPES)  # what the visitor may do herself

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "agents", "networks", "expires_at", "is_test")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["networks"] = "\n".join(self.instance.networks)
        if "scopes" in self.fields:
            offered = [*self.grantable, *(self.instance.scopes or ())]
            self.fields["scopes"].choices = [  # type: ignore[attr-defined]
                (scope, f"{scope}: {SCOPE_MEANINGS[scope]}")
                for scope in KEY_SCOPES
                if scope in offered
            ]
        if "agents" in self.fields:
            self.fields["agents"].choices = self.agent_choices()  # type: ignore[attr-defined]

    def agent_choices(self) -> list[tuple[str, str]]:
        """Those of the key's tenant; where an operator makes one, all, with whose they are."""
        owner = self.instance.tenant_id
        rows = [row for row in agents_there_are() if owner in {None, row.tenant_id}]
        names = {str(row.pk): row.name if owner else f"{row.name} ({row.tenant})" for row in rows}
        gone = dict.fromkeys(self.instance.agents, "an agent that was deleted")
        return list((gone | names).items())

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        owner = getattr(cleaned.get("tenant"), "pk", self.instance.tenant_id)
        theirs = {str(row.pk) for row in agents_there_are() if row.tenant_id == owner}
        chosen = set(cleaned.get("agents", ())) - set(self.instance.agents)
        if not chosen <= theirs:
            self.add_error("agents", "Choose agents of the key's own organisation.")
        return cleaned

    def clean_networks(self) -> list[str]:
        try:
            return networks_in(self.cleaned_data["networks"])
        except NoNetwork as error:
            raise forms.ValidationError(
                "%(word)s is no address and no network. One is 203.0.113.0/24.",
                params={"word": repr(str(error))},
            ) from None


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    seen_with = changed_with = Permission.MANAGE_API_KEYS
    deletable = False  # revoke it instead: what it did stays explained
    form = ApiKeyForm
    fields = (
        "tenant",
        "name",
        "scopes",
        "agents",
        "networks",
        "expires_at",
        "is_test",
        "text_shown",
        "last_used_at",
        "revoked_at",
        "creator",
        "created_at",
    )
    list_display = ("name", "text_shown", "tenant", "status", "last_used_at", "expires_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant", "created_by")
    search_fields = ("name", "prefix")
    autocomplete_fields = ("tenant",)
    kept = ("tenant", "is_test")
    readonly_fields = ("text_shown", "last_used_at", "revoked_at", "creator", "created_at")
    ordering = ("-id",)
    actions = ("rotate", "revoke")

    @admin.display(description="state")
    def status(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "Revoked"
        return "Active" if key.is_valid(timezone.now()) else "Expired"

    @admin.display(description="key", ordering="prefix")
    def text_shown(self, key: ApiKey) -> str:
        return f"{shown_prefix(key)}_…{key.last_four}"

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
        return self._show_once(request, obj, obj.new_text)

    def _show_once(
        self, request: HttpRequest, key: ApiKey, text: str, old: ApiKey | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "opts": self.opts,
            "key": key,
            "text": text,
            "old": old,
            "old_shown": self.text_shown(old) if old else "",
        }
        # No redirect and no message: both would put the key where it stays. The admin's own
        # answers are never cached.
        return render(request, "accounts/api_key_created.html", context)

    def choice_for(self, action: str) -> Choice | None:
        if action != "rotate":
            return None
        options = [(str(each // _HOUR), OVERLAP_NAMES[each]) for each in OVERLAPS]
        return Choice("overlap", "The old one works", options, str(OVERLAP // _HOUR))

    @admin.action(description="Rotate…", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1 or not chosen[0].is_valid(timezone.now()):
            self.message_user(request, "Choose exactly one that is active.", messages.ERROR)
            return None
        if not set(chosen[0].scopes) <= set(grantable_scopes(request)):
            problem = "It may do more than you: ask somebody who may do that too."
            self.message_user(request, problem, messages.ERROR)
            return None
        asked = self.ask_first(
            request,
            chosen,
            question="Rotate this API key?",
            effects=[
                "A new key that may do the same is made and shown to you once.",
                "The old one works on for as long as you choose, so that programs can change over.",
            ],
        )
        if asked:
            return asked
        overlap = overlap_in(request.POST.get("overlap", ""))
        made = rotate_api_key(chosen[0], cast(User, request.user), overlap=overlap)
        if made is None:
            self.message_user(request, "It was revoked meanwhile.", messages.ERROR)
            return None
        chosen[0].refresh_from_db()
        return self._show_once(request, *made, old=chosen[0])

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


def overlap_in(text: str) -> timedelta:
    """What was chosen, in hours; OVERLAP for anything else."""
    return next((each for each in OVERLAPS if str(each // _HOUR) == text), OVERLAP)


def grantable_scopes(request: HttpRequest) -> tuple[str, ...]:
    """The scopes a visitor may give away: nobody makes a key that may do more than herself."""
    return tuple(
        scope
        for scope, permissions in KEY_SCOPES.items()
        if all(may(request, permission) for permission in permissions)
    )
