"""Webhooks in the admin: where events go, what became of each, and sending again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.acts import Choice
from accounts.admin.base import RecordInline, TenantAdmin
from accounts.admin.visitors import actor_of, is_operator, may
from accounts.keyset import KeysetError
from accounts.roles import Permission
from conversations.admin.addresses import AddressAdmin
from conversations.admin.webhook_form import WebhookForm
from conversations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookKind
from conversations.models.webhooks import TEST_KIND
from conversations.webhooks.endpoints import (
    EndpointOff,
    delete_endpoint,
    give_secret,
    public_keys,
    replay,
    replay_failed,
    rotate,
    send_test,
    switch,
)

_HOUR: Final = timedelta(hours=1)
OVERLAPS: Final = {
    "24": "For 24 hours",
    "1": "For 1 hour",
    "168": "For 7 days",
    "0": "Not at all: the old one is known to others",
}
SPANS: Final = {"24": "The last 24 hours", "72": "The last 3 days", "720": "The last 30 days"}
_MARKS: Final = {"waiting": "warn", "delivered": "ok", "failed": "bad"}
_KINDS: Final = {**dict(WebhookKind.choices), TEST_KIND: "A test"}
RECENT: Final = 20


def state_of(delivery: WebhookDelivery) -> SafeString:
    state = WebhookDelivery.State(delivery.state)
    return format_html('<span class="p-mark p-mark-{}">{}</span>', _MARKS[state], state.label)


def _time(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M:%S} UTC"


def with_last_try(rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    """Each with what came of its last try."""
    tries = WebhookAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-id")
    return rows.select_related("event").annotate(last_try=Subquery(tries.values("summary")[:1]))


class DeliveryInline(RecordInline):
    """The newest ones."""

    model = WebhookDelivery
    hide_title = True
    verbose_name_plural = "the last deliveries"
    fields = readonly_fields = ("what", "happened", "state_mark", "tries", "last")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        rows = super().get_queryset(request)
        endpoint = (
            request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        )
        newest = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-id")[:RECENT]
        return with_last_try(rows.filter(pk__in=list(newest.values_list("pk", flat=True))))

    @admin.display(description="event")
    def what(self, row: WebhookDelivery) -> SafeString:
        address = reverse("admin:conversations_webhookdelivery_change", args=(row.pk,))
        return format_html('<a class="p-link" href="{}">{}</a>', address, row.event.kind)

    @admin.display(description="happened")
    def happened(self, row: WebhookDelivery) -> str:
        return _time(row.event.happened_at)

    @admin.display(description="state")
    def state_mark(self, row: WebhookDelivery) -> SafeString:
        return state_of(row)

    @admin.display(description="last try")
    def last(self, row: Any) -> str:
        return row.last_try or "—"


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(AddressAdmin):
    seen_with = changed_with = Permission.MANAGE_WEBHOOKS
    form = WebhookForm
    kept = ("tenant", "signing")
    list_display = ("name", "tenant", "url", "told_of", "standing")
    list_filter = ("is_on",)
    list_select_related = ("tenant",)
    ordering = ("name", "id")
    fields = (
        *("tenant", "name", "url", "allow_host", "kinds", "signing", "is_on"),
        *("standing", "keys"),
    )
    readonly_fields = ("standing", "keys")
    actions = ("test", "replay_failed", "replace_secret")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for operators: what was said goes there, and that is the organisation's own."""
        return not is_operator(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_operator(request) and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        hidden = set() if obj else {"is_on", "standing", "keys"}
        if obj and not obj.public_key:
            hidden.add("keys")
        if not self.has_change_permission(request) and not self.has_add_permission(request):
            hidden.add("allow_host")
        return [name for name in super().get_fields(request, obj) if name not in hidden]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """To look at: they are no part of the form that is sent."""
        return (DeliveryInline,) if obj and request.method == "GET" else ()

    # -- What is shown -----------------------------------------------------------------------

    @admin.display(description="events")
    def told_of(self, row: WebhookEndpoint) -> str:
        return "All" if len(row.kinds) == len(WebhookKind) else ", ".join(row.kinds)

    @admin.display(description="state")
    def standing(self, row: WebhookEndpoint) -> SafeString:
        if not row.is_on:
            mark, word = "bad", f"Off: {row.get_off_reason_display()}".rstrip(": ")
        elif row.failing_since:
            mark, word = "warn", f"Fails since {_time(row.failing_since)}"
        else:
            mark, word = "ok", "On"
        return format_html('<span class="p-mark p-mark-{}">{}</span>', mark, word)

    @admin.display(description="public keys")
    def keys(self, row: WebhookEndpoint) -> SafeString:
        return format_html(
            '<code class="p-code">{}</code>', "  ".join(public_keys(row, timezone.now()))
        )

    # -- Writing -----------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        now = timezone.now()
        if not change:
            # Kept on the object until this request's answer, and nowhere else.
            obj.shown = give_secret(obj, now)
        elif "is_on" in form.changed_data:
            switch(obj, now)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_endpoint(obj, actor_of(request))

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Its deliveries go with it. They are counted and not listed: there may be many."""
        sent = WebhookDelivery.objects.filter(endpoint__in=list(objs)).count()
        return [], {"deliveries": sent}, set(), []

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._shown_once(request, obj)

    def _shown_once(self, request: HttpRequest, endpoint: Any) -> HttpResponse:
        """What the receiver needs. No redirect and no message: both would put it where it stays."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Public key" if endpoint.public_key else "Signing secret",
            "opts": self.opts,
            "endpoint": endpoint,
            "shown": endpoint.shown,
        }
        return render(request, "admin/webhook_secret.html", context)

    # -- Actions -----------------------------------------------------------------------------

    def choice_for(self, action: str) -> Choice | None:
        if action == "replace_secret":
            return Choice("overlap", "How long the old one signs too", list(OVERLAPS.items()), "24")
        if action == "replay_failed":
            return Choice("span", "What failed of", list(SPANS.items()), "72")
        return super().choice_for(action)

    def _one(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> Any:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            return chosen[0]
        self.message_user(request, "Choose exactly one webhook.", messages.ERROR)
        return None

    @admin.action(description="Send a test…", permissions=["change"])
    def test(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        if (endpoint := self._one(request, queryset)) is None:
            return None
        effects = ["An event of the kind webhook.test goes there. Its page shows how that went."]
        asked = self.ask_first(request, [endpoint], question="Send a test?", effects=effects)
        if asked:
            return asked
        try:
            send_test(endpoint, actor_of(request), timezone.now())
        except EndpointOff as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "It is on its way.", messages.SUCCESS)
        return None

    @admin.action(description="Send again what failed…", permissions=["change"])
    def replay_failed(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        if (endpoint := self._one(request, queryset)) is None:
            return None
        asked = self.ask_first(
            request,
            [endpoint],
            question="Send again what failed?",
            effects=["Each event goes out with the id that it had."],
        )
        if asked:
            return asked
        now = timezone.now()
        hours = int(_chosen(request, "span", SPANS, "72"))
        try:
            count = replay_failed(endpoint, now - hours * _HOUR, actor_of(request), now)
        except EndpointOff as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{count} on their way.", messages.SUCCESS)
        return None

    @admin.action(description="New secret…", permissions=["change"])
    def replace_secret(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        if (endpoint := self._one(request, queryset)) is None:
            return None
        effects = [
            "It is shown once, on the next page.",
            "For a while there is a signature of each: your server may hold either.",
        ]
        asked = self.ask_first(request, [endpoint], question="Make a new secret?", effects=effects)
        if asked:
            return asked
        hours = int(_chosen(request, "overlap", OVERLAPS, "24"))
        try:
            endpoint.shown = rotate(endpoint, actor_of(request), timezone.now(), hours * _HOUR)
        except KeysetError as error:
            self.message_user(request, f"No new secret was made: {error.fix}", messages.ERROR)
            return None
        return self._shown_once(request, endpoint)


def _chosen(request: HttpRequest, name: str, options: dict[str, str], default: str) -> str:
    value = request.POST.get(name, default)
    return value if value in options else default


class AttemptInline(RecordInline):
    model = WebhookAttempt
    hide_title = True
    verbose_name_plural = "tries"
    fields = readonly_fields = ("at", "status", "took_ms", "summary")
    ordering = ("-id",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantAdmin):
    seen_with = Permission.MANAGE_WEBHOOKS
    addable = changeable = deletable = False
    list_display = ("happened", "tenant", "kind", "endpoint", "state_mark", "tries", "last")
    list_filter = ("state", ("endpoint", AutocompleteSelectFilter))
    list_select_related = ("tenant", "endpoint")
    ordering = ("-id",)
    fields = readonly_fields = (
        *("message", "tenant", "endpoint", "kind", "happened", "state_mark", "tries"),
        *("next_try", "ended_at"),
    )
    inlines = (AttemptInline,)
    actions = ("replay",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_last_try(super().get_queryset(request))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action below."""
        return not is_operator(request) and may(request, Permission.MANAGE_WEBHOOKS)

    @admin.display(description="id")
    def message(self, row: WebhookDelivery) -> str:
        return row.event.message_id

    @admin.display(description="event")
    def kind(self, row: WebhookDelivery) -> str:
        return _KINDS.get(row.event.kind, row.event.kind)

    @admin.display(description="happened")
    def happened(self, row: WebhookDelivery) -> str:
        return _time(row.event.happened_at)

    @admin.display(description="state")
    def state_mark(self, row: WebhookDelivery) -> SafeString:
        return state_of(row)

    @admin.display(description="next try")
    def next_try(self, row: WebhookDelivery) -> str:
        return _time(row.due_at) if row.state == WebhookDelivery.State.WAITING else "—"

    @admin.display(description="last try")
    def last(self, row: Any) -> str:
        return row.last_try or "—"

    @admin.action(description="Send again…", permissions=["replay"])
    def replay(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]
    ) -> HttpResponse | None:
        chosen = list(queryset.exclude(state=WebhookDelivery.State.WAITING))
        effects = ["Each event goes out with the id that it had."]
        asked = self.ask_first(request, chosen, question="Send these again?", effects=effects)
        if asked:
            return asked
        now, count = timezone.now(), 0
        for endpoint in {row.endpoint for row in chosen}:
            ids = [row.pk for row in chosen if row.endpoint == endpoint]
            try:
                count += replay(endpoint, ids, actor_of(request), now)
            except EndpointOff as error:
                self.message_user(request, f"{endpoint}: {error}", messages.ERROR)
        told = f"{count} on their way." if chosen else "They wait for their next try already."
        if count or not chosen:
            self.message_user(request, told, messages.SUCCESS)
        return None
