"""Agents: whom people talk to. What is entered is published, or kept as a draft."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.base import TenantForm
from accounts.admin.limits import LimitsAdmin, LimitSet, with_limits
from accounts.admin.visitors import actor_of
from accounts.audit import record
from accounts.models import User
from accounts.roles import Permission
from conversations.admin.agent_versions import Versions, standing_of
from conversations.admin.tools import ToolInline, ToolServerInline
from conversations.models import Agent, Conversation
from conversations.versions import (
    VERSIONED,
    content_of,
    draft_of,
    publish,
    save_draft,
    with_content,
)
from conversations.wishes import LABELS

# What the button sends, in unfold's words: app, model, action.
DRAFT = "conversations_agent_save_as_draft"


@with_limits(
    LimitSet(
        "limits",
        "Limits",
        "For all conversations with this agent together. The organisation's limits count too.",
    )
)
class AgentForm(TenantForm):
    open_to_callers = forms.MultipleChoiceField(
        label="Programs may set",
        choices=list(LABELS.items()),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=Agent._meta.get_field("open_to_callers").help_text,
    )

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
            "recording",
            "open_to_callers",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding and (draft := draft_of(self.instance)):
            self.initial.update(draft.content)


@admin.register(Agent)
class AgentAdmin(Versions, LimitsAdmin):
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
    actions_submit_line = ("save_as_draft",)
    change_form_outer_before_template = "admin/agent_standing.html"

    @action(description="Save as draft", permissions=["change"])  # type: ignore[untyped-decorator]
    def save_as_draft(self, request: HttpRequest, obj: Agent) -> None:
        """A button of the form; `save_model` has done it."""

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Its tools, to look at: they are no part of the form that is sent."""
        return (ToolInline, ToolServerInline) if obj and request.method == "GET" else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of an agent that nobody has talked to: a conversation keeps its agent."""
        if not isinstance(obj, Agent) or not super().has_delete_permission(request, obj):
            return False
        return not Conversation.objects.filter(agent=obj).exists()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A slug that programs use does not follow a new name.
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_urls(self) -> list[Any]:
        return [*self.version_urls(), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Name and the like hold at once; what a version has, when it is published."""
        content = {name: form.cleaned_data[name] for name in VERSIONED}
        by, now = cast(User, request.user), timezone.now()
        if change and DRAFT in request.POST:
            with_content(obj, content_of(Agent.objects.get(pk=obj.pk)))
            super().save_model(request, obj, form, change)
            version = save_draft(obj, content, by, now)
            after = {"number": version.number}
            record("agent.draft-saved", obj, actor=actor_of(request), after=after)
            return
        if change:
            publish(Agent.objects.get(pk=obj.pk), content, by, now)
        super().save_model(request, obj, form, change)
        if not change:
            publish(obj, content, by, now)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if DRAFT not in request.POST:
            return cast(HttpResponse, super().response_change(request, obj))
        messages.success(request, "Saved as a draft: nobody talks to it until it is published.")
        return redirect("admin:conversations_agent_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        if kwargs.get("obj") is not None:
            context |= standing_of(kwargs["obj"])
        return super().render_change_form(request, context, **kwargs)
