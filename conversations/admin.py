"""Agents to edit, conversations to look at. Operators only; nothing secret is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from conversations.models import Agent, Conversation, Event, Turn

if TYPE_CHECKING:  # Django's own classes take no type arguments when they run
    AgentBase = admin.ModelAdmin[Agent]
    ConversationBase = admin.ModelAdmin[Conversation]
    TurnBase = admin.TabularInline[Turn, Conversation]
    EventBase = admin.TabularInline[Event, Conversation]
else:
    AgentBase = ConversationBase = admin.ModelAdmin
    TurnBase = EventBase = admin.TabularInline


class ReadOnly:
    """What is kept of a conversation is a record: nobody edits it here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TurnInline(ReadOnly, TurnBase):
    model = Turn
    fields = ("speaker", "state", "text", "start_ms", "end_ms")
    readonly_fields = fields


class EventInline(ReadOnly, EventBase):
    model = Event
    fields = ("kind", "ms", "data")
    readonly_fields = fields


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, ConversationBase):
    list_display = ["started_at", "tenant", "agent", "user", "state", "end_reason"]
    list_filter = ["tenant", "state", "end_reason"]
    list_select_related = ["tenant", "agent", "user"]
    date_hierarchy = "started_at"
    fields = (
        "id",
        "tenant",
        "agent",
        "user",
        "state",
        "started_at",
        "ended_at",
        "end_reason",
        "stop_reason",
        "last_epoch",
        "last_seq",
    )
    readonly_fields = fields
    inlines = [TurnInline, EventInline]


@admin.register(Agent)
class AgentAdmin(AgentBase):
    list_display = ["name", "tenant", "model", "voice", "modality"]
    list_filter = ["tenant", "modality"]
    list_select_related = ["tenant"]
    search_fields = ["name", "slug", "description"]
    prepopulated_fields = {"slug": ["name"]}
