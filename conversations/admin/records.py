"""What is kept of conversations, to look at. Words are read in the review, which notes who did."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.base import RecordInline, TenantAdmin
from accounts.admin.visitors import actor_of, is_operator, may
from accounts.roles import Permission
from conversations.admin.exports import ask_page
from conversations.models import Conversation, Event, Turn
from conversations.retention import ErasureRefused, erase_conversation


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
    actions = ("export", "erase")
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

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """As above: what an organisation keeps is its own matter."""
        return not is_operator(request) and may(request, Permission.ERASE)

    @admin.action(description="Erase…", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse | None:
        chosen = list(queryset)
        effects = [
            "All that is kept of it goes: words, sound, events, notes. It does not come back."
        ]
        asked = self.ask_first(
            request, chosen, question="Erase for good?", effects=effects, ends=True
        )
        if asked:
            return asked
        erased = 0
        for conversation in chosen:
            try:
                erase_conversation(conversation, actor=actor_of(request))
            except ErasureRefused as refused:
                self.message_user(request, f"{conversation}: {refused}", messages.ERROR)
            else:
                erased += 1
        if erased:
            self.message_user(request, f"Erased: {erased}.", messages.SUCCESS)
        return None

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
