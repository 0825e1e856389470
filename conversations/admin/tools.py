"""Tools: what the model of an agent may call, and a trial of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.base import RecordInline, TenantAdmin
from accounts.admin.visitors import actor_of, may
from accounts.audit import record
from accounts.keyset import KeysetError
from accounts.roles import Permission
from conversations.admin.addresses import AddressAdmin
from conversations.admin.tool_forms import AnyToolForm, HostForm, ServerForm, ToolForm
from conversations.models import AgentTool, AllowedHost, ToolServer
from conversations.tools.mcp.listing import kept_listing
from conversations.tools.refreshing import ask_now, store
from conversations.tools.schema import sample
from conversations.tools.signing import new_secret
from conversations.tools.trying import read_arguments, try_tool

# After a new signing secret, the old one signs too for so long.
BOTH_SIGN_FOR = timedelta(days=1)


class AnyToolAdmin(AddressAdmin):
    """What the tools' and the servers' pages have in common."""

    seen_with = changed_with = Permission.MANAGE_AGENTS
    kept = ("agent",)
    list_filter: Sequence[Any] = ("is_on", ("agent", AutocompleteSelectFilter))
    list_select_related = ("tenant", "agent")
    autocomplete_fields = ("agent",)
    ordering = ("agent__name", "name", "id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = super().get_fields(request, obj)
        has_headers = obj is not None and obj.header_names
        return [name for name in names if has_headers or name != "drop_headers"]

    @method_decorator(sensitive_post_parameters("headers"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def changeable_row(self, request: HttpRequest, object_id: str) -> Any:
        """The row that a page of its own is about. Raises Http404 and PermissionDenied."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        return row


@admin.register(AgentTool)
class AgentToolAdmin(AnyToolAdmin):
    form = ToolForm
    fields = (
        *("agent", "name", "description", "kind", "method", "url", "allow_host", "headers"),
        *("drop_headers", "parameters", "timeout_s", "behavior", "scheduling", "is_on"),
    )
    conditional_fields = dict.fromkeys(
        ("method", "url", "allow_host", "headers", "drop_headers"), "kind == 'http'"
    )
    list_display = ("name", "agent", "tenant", "kind", "url", "is_on")
    list_filter = ("kind", *AnyToolAdmin.list_filter)
    search_fields = ("name", "description")
    actions = ("replace_secret",)
    change_form_template = "admin/tool_form.html"

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (("<path:object_id>/try/", "conversations_agenttool_try", self.try_view),)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyToolForm, change: bool) -> None:
        if obj.is_http and not obj.sealed_secret:
            # Kept on the object until this request's answer, and nowhere else.
            obj.new_secret = new_secret()
            obj.set_secret(obj.new_secret, timezone.now())
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._shown_once(request, obj) or super().response_add(
            request, obj, post_url_continue
        )

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._shown_once(request, obj) or super().response_change(request, obj)

    def _shown_once(self, request: HttpRequest, tool: Any) -> HttpResponse | None:
        """The new signing secret. No redirect and no message: both would put it where it stays."""
        secret = getattr(tool, "new_secret", "")
        if not secret:
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Signing secret",
            "opts": self.opts,
            "tool": tool,
            "secret": secret,
        }
        return render(request, "admin/tool_secret.html", context)

    @admin.action(description="New signing secret…", permissions=["change"])
    def replace_secret(
        self, request: HttpRequest, queryset: QuerySet[AgentTool]
    ) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1 or not chosen[0].is_http:
            self.message_user(request, "Choose exactly one HTTP tool.", messages.ERROR)
            return None
        [tool] = chosen
        asked = self.ask_first(
            request,
            chosen,
            question="Make a new signing secret?",
            effects=[
                "It is shown once, on the next page.",
                "For one day requests carry a signature of each: your server may hold either.",
                "Conversations that run sign with the secret that they began with.",
            ],
        )
        return asked or self._replaced(request, tool)

    def _replaced(self, request: HttpRequest, tool: Any) -> HttpResponse | None:
        tool.new_secret = new_secret()
        try:
            tool.set_secret(tool.new_secret, timezone.now() + BOTH_SIGN_FOR)
        except KeysetError as error:
            self.message_user(request, f"No new secret was made: {error.fix}", messages.ERROR)
            return None
        with transaction.atomic():
            tool.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until"])
            record("agenttool.secret-replaced", tool, actor=actor_of(request))
        return self._shown_once(request, tool)

    # -- Trying ------------------------------------------------------------------------------

    def try_view(self, request: HttpRequest, object_id: str, **_: Any) -> HttpResponse:
        """Call the tool with arguments that are typed in, and show what went and what came."""
        tool = self.changeable_row(request, object_id)
        if not tool.is_http:
            raise Http404
        typed = request.POST.get("arguments", "")
        args, fault = read_arguments(typed)
        trial = None
        if request.method == "POST" and not fault:
            trial = try_tool(tool, args)
            record("agenttool.tried", tool, actor=actor_of(request))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Try {tool.name}",
            "opts": self.opts,
            "tool": tool,
            "arguments": typed
            or json.dumps(sample(tool.parameters or {"type": "object"}), indent=2),
            "fault": fault,
            "trial": trial,
        }
        return TemplateResponse(request, "admin/tool_trial.html", context)


@admin.register(ToolServer)
class ToolServerAdmin(AnyToolAdmin):
    form = ServerForm
    fields = (
        *("agent", "name", "url", "allow_host", "headers", "drop_headers", "only"),
        *("timeout_s", "behavior", "scheduling", "is_on"),
    )
    list_display = ("name", "agent", "tenant", "url", "tools", "is_on")
    search_fields = ("name",)
    change_form_template = "admin/tool_server_form.html"

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (("<path:object_id>/list/", "conversations_toolserver_list", self.list_view),)

    @admin.display(description="tools")
    def tools(self, server: ToolServer) -> str:
        if server.list_fault:
            return "No answer"
        return str(len(server.listed)) if server.listed_at else "Not asked yet"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        server = kwargs.get("obj")
        if server is not None:
            offered = {tool.name for tool in kept_listing(server.listed, server.only)}
            context["listed"] = [
                {**tool, "used": tool["name"] in offered} for tool in server.listed
            ]
        answer: HttpResponse = super().render_change_form(request, context, **kwargs)
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: AnyToolForm, change: bool) -> None:
        if change and "url" in form.changed_data:
            # What another address had listed says nothing about this one.
            obj.listed, obj.listed_at, obj.asked_at, obj.list_fault = [], None, None, ""
        super().save_model(request, obj, form, change)

    def list_view(self, request: HttpRequest, object_id: str, **_: Any) -> HttpResponse:
        """Ask the server for its tools now, and keep the list."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        server = self.changeable_row(request, object_id)
        asked = ask_now(server)
        store(server, asked, actor=actor_of(request), now=timezone.now())
        if asked.fault:
            self.message_user(request, f"No list: {asked.fault}", messages.ERROR)
        else:
            said = (
                f"It lists {len(asked.tools)} tools."
                if len(asked.tools) != 1
                else "It lists one tool."
            )
            self.message_user(request, said, messages.SUCCESS)
        return Redirect(reverse("admin:conversations_toolserver_change", args=(server.pk,)))


@admin.register(AllowedHost)
class AllowedHostAdmin(TenantAdmin):
    seen_with = Permission.MANAGE_AGENTS
    changed_with = Permission.MANAGE_TENANT
    form = HostForm
    fields = HostForm.Meta.fields
    list_display = ("name", "tenant", "note")
    list_select_related = ("tenant",)
    search_fields = ("name", "note")
    autocomplete_fields = ("tenant",)
    ordering = ("name", "id")


class AnyToolInline(RecordInline):
    """On an agent's page: what it has, each with a link to its own page."""

    hide_title = True

    @admin.display(description="name")
    def linked(self, row: Any) -> str:
        opts = row._meta
        address = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=(row.pk,))
        return format_html('<a class="p-link" href="{}">{}</a>', address, row.name)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, AnyToolAdmin.seen_with)


class ToolInline(AnyToolInline):
    model = AgentTool
    fields = readonly_fields = ("linked", "kind", "url", "is_on")


class ToolServerInline(AnyToolInline):
    model = ToolServer
    fields = readonly_fields = ("linked", "url", "is_on")
