"""Exports in the admin: asked for by a form, looked at while they are made, and downloaded."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of, caller_of, is_operator
from accounts.leaving.departures import name_of_actor
from accounts.roles import Permission
from conversations.admin.export_forms import ExportForm, ScheduleForm
from conversations.exports.files import download_name
from conversations.exports.jobs import ExportRefused, ask_for_export
from conversations.exports.links import key_of
from conversations.exports.schedules import answer_for
from conversations.exports.wanted import Wanted
from conversations.models import Agent, Export, ExportSchedule

_MARKS: Final = {
    Export.State.QUEUED: "warn",
    Export.State.RUNNING: "warn",
    Export.State.READY: "ok",
    Export.State.FAILED: "bad",
    Export.State.EXPIRED: "skipped",
}
# Fields of the form, by what the list of conversations calls its filters.
_FILTERS: Final = {
    "agent__id__exact": "agent",
    "state__exact": "conversation_state",
    "end_reason__exact": "end_reason",
    "started_at__gte": "first",
    "conversations": "conversations",
    "format": "format",
}


def told(wanted: Wanted) -> str:
    """Which conversations, in words."""
    agent = Agent.objects.filter(pk=wanted.agent).first() if wanted.agent else None
    since, until = wanted.since, wanted.until
    parts = [
        f"{len(wanted.conversations)} chosen" if wanted.conversations else "",
        f"with {agent.name}" if agent else "with an agent that is gone" if wanted.agent else "",
        "of one person" if wanted.user or wanted.end_user else "",
        str(wanted.state or "").replace("-", " "),
        str(wanted.end_reason or "").replace("-", " "),
        f"from {since:%d %b %Y}" if since else "",
        f"before {until:%d %b %Y}" if until else "",
        f"tagged {wanted.tag}" if wanted.tag else "",
        "with certain words" if wanted.text else "",
        "" if wanted.is_test is None else "tests" if wanted.is_test else "no tests",
    ]
    return ", ".join(filter(None, parts)) or "all conversations"


def day_of(text: str) -> date | None:
    """The day that a filter's time begins with; None if it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


@admin.register(Export)
class ExportAdmin(TenantAdmin):
    seen_with = changed_with = Permission.EXPORT
    changeable = False
    form = ExportForm
    list_display = ("asked_at", "tenant", "what", "format", "progress", "size", "file_link")
    list_filter = ("state", "format")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    add_fields = (
        *("format", "is_redacted", "conversations", "agent", "person", "end_user"),
        *("conversation_state", "end_reason", "first", "last"),
    )
    shown_fields = (
        *("asked_at", "asker", "tenant", "what", "format", "variant", "progress"),
        *("counted", "size", "sha256", "ready_at", "expires_at", "schedule_name", "file_link"),
    )

    class Media:
        js = (Script("js/admin/exports.js", type="module"),)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for operators: what was said is the tenant's own."""
        return not is_operator(request) and super().has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self._for(request, self.shown_fields if obj else self.add_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self._for(request, self.shown_fields if obj else ())

    # -- What is shown -----------------------------------------------------------------------

    @admin.display(description="conversations")
    def what(self, export: Export) -> str:
        return told(Wanted.from_json(export.wanted)).capitalize()

    @admin.display(description="state")
    def progress(self, export: Export) -> SafeString:
        state = Export.State(export.state)
        word = f"{state.label}, {export.percent} %" if state == "running" else state.label
        mark = format_html('<span class="p-mark p-mark-{}">{}</span>', _MARKS[state], word)
        if export.fault:
            return format_html("{} {}", mark, export.get_fault_display())
        if not export.is_open:
            return mark
        return format_html(
            '{} <progress max="100" value="{}" data-open="yes">{} %</progress>',
            mark,
            export.percent,
            export.percent,
        )

    @admin.display(description="words")
    def variant(self, export: Export) -> str:
        return "Redacted" if export.is_redacted else "As they were said"

    @admin.display(description="size")
    def size(self, export: Export) -> str:
        return filesizeformat(export.bytes) if export.state == Export.State.READY else "—"

    @admin.display(description="file")
    def file_link(self, export: Export) -> SafeString | str:
        if export.state != Export.State.READY:
            return "—"
        address = reverse("admin:conversations_export_download", args=(export.pk,))
        return format_html(
            '<a class="p-button" href="{}" title="{}" aria-label="Download {}">Download</a>',
            address,
            *(download_name(export),) * 2,
        )

    @admin.display(description="written")
    def counted(self, export: Export) -> str:
        talks = f"{export.conversations_done:,} of {export.conversations_expected:,} conversations"
        if not export.turns_expected:
            return talks
        return f"{talks}, {export.turns_done:,} of {export.turns_expected:,} turns"

    @admin.display(description="asked for by")
    def asker(self, export: Export) -> str:
        return name_of_actor(export.asked_by)

    @admin.display(description="by the schedule")
    def schedule_name(self, export: Export) -> str:
        return str(export.schedule or "—")

    # -- Asking ------------------------------------------------------------------------------

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the list of conversations was filtered by, or what was chosen there."""
        asked = {_FILTERS[name]: request.GET[name] for name in _FILTERS if name in request.GET}
        if "first" in asked:
            asked["first"] = asked["first"][:10]
        if before := day_of(request.GET.get("started_at__lt", "")):
            asked["last"] = (before - timedelta(days=1)).isoformat()
        query = request.GET.get("q", "")
        return asked | ({"person": query} if "@" in query else {})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made = ask_for_export(
            form.wanted(), obj.format, actor_of(request), is_redacted=obj.is_redacted
        )
        obj.pk = made.pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return cast(HttpResponse, super().add_view(request, form_url, extra_context))
        except ExportRefused as error:
            messages.error(request, str(error))
            return redirect("admin:conversations_export_changelist")

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        messages.success(request, "It is being made. This page shows how far it is.")
        return redirect("admin:conversations_export_changelist")

    # -- Downloading -------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.download)
        own = path("<path:object_id>/download/", view, name="conversations_export_download")
        return [own, *super().get_urls()]

    @method_decorator(require_safe)
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the file, by a link that is made now and for this person."""
        caller = caller_of(request)
        export: Export | None = self.get_object(request, object_id)
        if export is None:
            raise Http404
        if caller is None or export.state != Export.State.READY:
            owned = "What was said is the organisation's own."
            messages.info(request, owned if caller is None else "There is no file.")
            return redirect("admin:conversations_export_changelist")
        address = reverse("api-export-file", args=(export.pk,))
        key = key_of(export, caller, timezone.now())
        return HttpResponseRedirect(f"{address}?{urlencode({'key': key})}")


def ask_page(model_admin: Any, request: HttpRequest, chosen: list[Any]) -> HttpResponse:
    """The form for conversations that were chosen in their list."""
    ids = ",".join(str(row.pk) for row in chosen)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Export these conversations?",
        "opts": model_admin.opts,
        "count": len(chosen),
        "ids": ids,
        "form": ExportForm(initial={"conversations": ids}),
        "back": reverse("admin:conversations_conversation_changelist"),
    }
    return TemplateResponse(request, "admin/export_chosen.html", context)


@admin.register(ExportSchedule)
class ExportScheduleAdmin(TenantAdmin):
    seen_with = changed_with = Permission.EXPORT
    form = ScheduleForm
    list_display = ("name", "tenant", "is_on", "every", "kinds", "what", "next_at")
    list_filter = ("is_on", "every")
    list_select_related = ("tenant",)
    ordering = ("name", "id")
    fields = (
        *("tenant", "name", "is_on", "every", "hour", "formats", "is_redacted", "keep_days"),
        *("agent", "person", "end_user", "conversation_state", "end_reason", "next_at"),
    )
    readonly_fields = ("next_at",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for operators, as with exports."""
        return not is_operator(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_operator(request) and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        if self.has_change_permission(request):
            return [name for name in fields if obj or name != "next_at"]
        form_only = set(ScheduleForm.base_fields) - {each.name for each in self.opts.fields}
        return [name for name in fields if name not in form_only]

    @admin.display(description="formats")
    def kinds(self, schedule: ExportSchedule) -> str:
        return ", ".join(schedule.formats) + (", redacted" if schedule.is_redacted else "")

    @admin.display(description="conversations")
    def what(self, schedule: ExportSchedule) -> str:
        return told(Wanted.from_json(schedule.wanted)).capitalize()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Whoever changes it answers for what it asks for from then on."""
        obj.wanted = form.wanted().as_json()
        answer_for(obj, actor_of(request), timezone.now(), form.changed_data)
        super().save_model(request, obj, form, change)
