"""Tokens of an integrator's users: to look at, and to revoke. Minting is the API's."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of, may
from accounts.roles import Permission
from conversations.access_tokens import revoke
from conversations.models import AccessToken, TokenState

LABELS = {
    TokenState.ACTIVE: "Active",
    TokenState.CLOSED: "Begins nothing more",
    TokenState.USED_UP: "Used up",
    TokenState.EXPIRED: "Expired",
    TokenState.REVOKED: "Revoked",
}


@admin.register(AccessToken)
class AccessTokenAdmin(TenantAdmin):
    seen_with = Permission.MINT_TOKENS
    addable = changeable = deletable = False
    list_display = (
        "created_at",
        "tenant",
        "short",
        "agent",
        "person",
        "status",
        "used_of",
        "expires_at",
    )
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("tenant", "agent")
    search_fields = ("=prefix", "=end_user")
    search_help_text = "What stands before the last _ of a token, or a user's whole id"
    ordering = ("-id",)
    fields = (
        "text_shown",
        "tenant",
        "kind",
        "agent",
        "person",
        "own_id",
        "status",
        "used_of",
        "created_at",
        "new_session_expires_at",
        "expires_at",
        "revoked_at",
        "pages",
        "sends",
        "longest",
        "budget",
        "locked",
        "minted_by",
    )
    readonly_fields = fields
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action below."""
        return may(request, Permission.MINT_TOKENS)

    @admin.display(description="token")
    def short(self, token: AccessToken) -> str:
        return token.text_shown.removeprefix("auth_tokens/")

    @admin.display(description="token")
    def text_shown(self, token: AccessToken) -> str:
        return token.text_shown

    @admin.display(description="user")
    def person(self, token: AccessToken) -> str:
        return token.end_user_name or token.end_user or "—"

    @admin.display(description="the user's own id")
    def own_id(self, token: AccessToken) -> str:
        return token.end_user or "—"

    @admin.display(description="origins")
    def pages(self, token: AccessToken) -> str:
        return ", ".join(token.origins) or "All"

    @admin.display(description="may send")
    def sends(self, token: AccessToken) -> str:
        return ", ".join(token.modalities) or "All"

    @admin.display(description="state")
    def status(self, token: AccessToken) -> str:
        return LABELS[token.state_at(timezone.now())]

    @admin.display(description="uses")
    def used_of(self, token: AccessToken) -> str:
        return f"{token.used} of {token.uses or 'any number'}"

    @admin.display(description="longest conversation")
    def longest(self, token: AccessToken) -> str:
        length_ms = token.limits.get("length_ms")
        return "—" if length_ms is None else f"{length_ms / 60_000:g} min"

    @admin.display(description="budget of all together")
    def budget(self, token: AccessToken) -> str:
        micros = token.limits.get("total_spend_micros")
        return "—" if micros is None else f"{micros / 1_000_000:.2f}"

    @admin.display(description="fixed by its setup")
    def locked(self, token: AccessToken) -> str:
        if token.field_mask:
            return ", ".join(token.field_mask)
        return "All of it" if token.setup else "—"

    @admin.action(description="Revoke…", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> HttpResponse | None:
        rows = queryset.filter(revoked_at=None, kind=AccessToken.Kind.PARLEY)
        tokens = list(rows.filter(expires_at__gt=timezone.now()))
        asked: HttpResponse | None = self.ask_first(
            request,
            tokens,
            question="Revoke these tokens?",
            effects=[
                "Whoever holds one is let go within two seconds, and what it began ends.",
                "It cannot be undone. Tokens of Google's are left alone: Google takes none back.",
            ],
            ends=True,
        )
        if asked:
            return asked
        revoked = sum(revoke(token, actor_of(request)) for token in tokens)
        self.message_user(request, f"Revoked: {revoked}.", messages.SUCCESS)
        return None
