"""Agents: whom people talk to."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import TenantForm
from accounts.admin.limits import LimitsAdmin, LimitSet, with_limits
from accounts.roles import Permission
from conversations.models import Agent, Conversation


@with_limits(
    LimitSet(
        "limits",
        "Limits",
        "For all conversations with this agent together. The organisation's limits count too.",
    )
)
class AgentForm(TenantForm):
    class Meta:
        model = Agent
        fields = (
            "tenant",
            "name",
            "slug",
            "description",
            "prompt",
            "model",
            "voice",
            "modality",
        )


@admin.register(Agent)
class AgentAdmin(LimitsAdmin):
    seen_with = Permission.READ_API  # as over the API
    changed_with = Permission.MANAGE_AGENTS
    form = AgentForm
    fields = AgentForm.Meta.fields
    list_display = ("name", "tenant", "model", "voice", "modality")
    list_filter = ("modality",)
    list_select_related = ("tenant",)
    search_fields = ("name", "slug", "description")
    autocomplete_fields = ("tenant",)
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of an agent that nobody has talked to: a conversation keeps its agent."""
        if not isinstance(obj, Agent) or not super().has_delete_permission(request, obj):
            return False
        return not Conversation.objects.filter(agent=obj).exists()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A slug that programs use does not follow a new name.
        return {} if obj else super().get_prepopulated_fields(request, obj)
