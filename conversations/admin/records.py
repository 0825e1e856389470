"""What is kept of conversations, to look at. Words are read in the review, which notes who did."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.base import RecordInline, TenantAdmin
from accounts.admin.visitors import is_operator, may
from accounts.roles import Permission
from conversations.admin.exports import ask_page
from conversations.models import Conversation, Event, Turn


class TurnInline(RecordInline):
    model = Turn
    fields = ("speaker", "state", "start_ms", "end_ms")
    readonly_fields = fields


class EventInline(RecordInline):
    model = Event
    fields = ("kind", "ms")
    readonly_fields = fields


@admin.register(Conversation)
class ConversationAdmin(TenantAdmin):
    seen_with = Permission.REVIEW_CONVERSATIONS
    addable = changeable = deletable = False
    list_display = ("started_at", "tenant", "agent", "who", "state", "end_reason")
    list_filter = (
        "state",
        "end_reason",
        ("agent", AutocompleteSelectFilter),
        ("started_at", admin.DateFieldListFilter),
    )
    list_select_related = ("tenant", "agent", "user")
    search_fields = ("^user__email", "=end_user")
    search_help_text = "The start of a person's e-mail, or a whole id of a user or conversation"
    ordering = ("-id",)
    fields = (
        "id",
        "words",
        "tenant",
        "agent",
        "person",
        "state",
        "started_at",
        "ended_at",
        "end_reason",
        "stop_reason",
        "last_epoch",
        "last_seq",
    )
    readonly_fields = fields
    inlines = (TurnInline, EventInline)
    actions = ("export",)
    list_before_template = "admin/export_filtered.html"

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action below. Operators export no words of a tenant's."""
        return not is_operator(request) and may(request, Permission.EXPORT)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"may_export": self.has_export_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.action(description="Export…", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse:
        return ask_page(self, request, list(queryset))

    @admin.display(description="user")
    def who(self, conversation: Conversation) -> str:
        return conversation.person or "—"

    @admin.display(description="user")
    def person(self, conversation: Conversation) -> str:
        """Without Django's link: it leads to the users, who are the operators' business."""
        own_id = f" ({conversation.end_user})" if conversation.end_user_name else ""
        return f"{conversation.person or '—'}{own_id}"

    @admin.display(description="words")
    def words(self, conversation: Conversation) -> str:
        address = reverse("review-conversation", args=(conversation.pk,))
        return format_html('<a href="{}">Read it in the review</a>', address)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        if is_operator(request):  # the review is the tenant's own
            return [name for name in fields if name != "words"]
        return list(fields)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Conversation], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
