"""The Data pages: for how long things are kept, what is held, and people who are erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of, caller_of, is_operator
from accounts.callers import Caller
from accounts.confirmation import ask, counted, log_in_again
from accounts.leaving.departures import name_of_actor
from accounts.members import MemberRefused
from accounts.models import Tenant, User
from accounts.roles import Permission
from conversations.admin.data_forms import HoldForm, PolicyForm, WhomForm
from conversations.models import Erasure, LegalHold
from conversations.retention.due import Due, Kind, Policy, preview, save_policy
from conversations.retention.holds import OnHold, lift_hold, place_hold
from conversations.retention.people import ask_to_erase
from conversations.retention.person import Person, effects
from conversations.retention.report import file_name, text_of

NAMES: Final = {Kind.TEXT: "Words", Kind.AUDIO: "Sound", Kind.EVENTS: "Events"}
_MARKS: Final = {
    Erasure.State.WAITING: "warn",
    Erasure.State.RUNNING: "warn",
    Erasure.State.STOPPED: "bad",
    Erasure.State.DONE: "ok",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of the table: a kind, for how long it is kept, and what is due of it."""

    name: str
    days: int | None
    due: Due


def kept_by(policy: Policy, now: datetime) -> list[Kept]:
    """In the tenant's scope."""
    found = preview(policy, now)
    return [Kept(NAMES[due.kind], policy.days(due.kind), due) for due in found]


def told(kept: list[Kept]) -> list[str]:
    """What saving a policy will erase, as sentences; none if nothing is due."""
    return [
        f"{row.name} of {counted(row.due.conversations, 'conversation')} are erased for good, "
        f"within minutes: {row.due.rows:,} rows. {_held(row.due)}".strip()
        for row in kept
        if row.due.conversations
    ]


def _held(due: Due) -> str:
    return f"{due.held:,} more are held, and stay." if due.held else ""


def _time(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"


@admin.register(LegalHold)
class LegalHoldAdmin(TenantAdmin):
    seen_with = changed_with = Permission.MANAGE_RETENTION
    changeable = False
    form = HoldForm
    list_display = ("since", "tenant", "covers", "of", "why", "by")
    list_filter = ("covers",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    fields = ("covers", "whom", "why")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for operators: it is the organisation's own matter."""
        return not is_operator(request) and super().has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["covers", "of", "why", "since", "by"] if obj else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj) if obj else []

    @admin.display(description="of")
    def of(self, hold: LegalHold) -> str:
        if hold.person:
            return User.objects.filter(pk=hold.person).values_list("email", flat=True).first() or ""
        return hold.end_user or str(hold.conversation_id or "everything")

    @admin.display(description="placed by")
    def by(self, hold: LegalHold) -> str:
        return name_of_actor(hold.placed_by)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.placed_by = actor_of(request)
        place_hold(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        lift_hold(obj, actor=actor_of(request))


@admin.register(Erasure)
class ErasureAdmin(TenantAdmin):
    """The Data page: the policy first, then the people who were erased."""

    seen_with = changed_with = Permission.MANAGE_RETENTION
    changeable = deletable = False
    list_before_template = "admin/data.html"
    list_display = ("asked_at", "tenant", "who", "state_mark", "finished_at")
    list_filter = ("state",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    fields = readonly_fields = ("tenant", "state_mark", "report")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for operators: it is the organisation's own matter."""
        return not is_operator(request) and super().has_add_permission(request)

    def get_urls(self) -> list[Any]:
        policy = self.admin_site.admin_view(self.policy)
        report = self.admin_site.admin_view(self.download)
        return [
            path("policy/", policy, name="conversations_erasure_policy"),
            path("<path:object_id>/report/", report, name="conversations_erasure_report"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        caller = caller_of(request)
        context: dict[str, Any] = {"title": "Data"}
        if caller is not None and not is_operator(request):
            context["kept"] = kept_by(policy_of(caller), timezone.now())
            context["holds"] = counted(LegalHold.objects.count(), "legal hold")
        return super().changelist_view(request, context | (extra_context or {}))

    # -- What is shown -----------------------------------------------------------------------

    @admin.display(description="person")
    def who(self, erasure: Erasure) -> str:
        return f"SHA-256 {erasure.fingerprint[:16]}…"

    @admin.display(description="state")
    def state_mark(self, erasure: Erasure) -> SafeString:
        state = Erasure.State(erasure.state)
        return format_html('<span class="p-mark p-mark-{}">{}</span>', _MARKS[state], state.label)

    @admin.display(description="report")
    def report(self, erasure: Erasure) -> SafeString:
        return format_html(
            '<pre class="p-code">{}</pre><p><a class="p-link" href="{}">Download</a></p>',
            text_of(erasure),
            reverse("admin:conversations_erasure_report", args=(erasure.pk,)),
        )

    @method_decorator(require_safe)
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        erasure = self.get_object(request, object_id)
        named = f'attachment; filename="{file_name(erasure)}"'
        kind = "text/plain; charset=utf-8"
        return HttpResponse(
            text_of(erasure), content_type=kind, headers={"Content-Disposition": named}
        )

    # -- For how long ------------------------------------------------------------------------

    def policy(self, request: HttpRequest) -> HttpResponse:
        """What is kept for how long; what saving that erases is told before."""
        caller = caller_of(request)
        if caller is None or is_operator(request):
            raise PermissionDenied
        now, present = timezone.now(), policy_of(caller)
        days = {"text": present.text, "audio": present.audio, "events": present.events}
        form = PolicyForm(request.POST or None, initial=days)
        context: dict[str, Any] = {"form": form, "least": settings.RETENTION_MIN_DAYS}
        if form.is_valid():
            kept = kept_by(form.policy, now)
            erased = told(kept)
            name = Tenant.objects.values_list("name", flat=True).get(pk=caller.tenant_id)
            if erased and (again := log_in_again(request, request.path)):
                return again
            question = ask(request, "Keep it for so long?", erased, word=name if erased else "")
            if question is None:
                save_policy(caller.tenant_id, form.policy, actor=caller.actor)
                self.message_user(request, "It is kept so from now on.", messages.SUCCESS)
                return redirect("admin:conversations_erasure_changelist")
            context |= {"question": question, "kept": kept}
        return self._page(request, "How long things are kept", "admin/data_policy.html", context)

    # -- A person ----------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        caller = caller_of(request)
        if caller is None or not self.has_add_permission(request):
            raise PermissionDenied
        form = WhomForm(request.POST or None)
        context: dict[str, Any] = {"form": form}
        if form.is_valid():
            if again := log_in_again(request, request.path):
                return again
            whom, person = form.data["whom"], form.cleaned_data["whom"]
            question = ask(request, f"Erase {whom}?", effects(person), word=whom)
            if question is None:
                return self._erase(request, caller, person)
            context["question"] = question
        return self._page(request, "Erase a person", "admin/erase_person.html", context)

    def _erase(self, request: HttpRequest, caller: Caller, person: Person) -> HttpResponse:
        try:
            erasure = ask_to_erase(person, by=caller, now=timezone.now())
        except (OnHold, MemberRefused) as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:conversations_erasure_changelist")
        self.message_user(request, "It has begun. This page has the report.", messages.SUCCESS)
        return redirect("admin:conversations_erasure_change", erasure.pk)

    def _page(
        self, request: HttpRequest, title: str, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        every = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, template, every | context)


def policy_of(caller: Caller) -> Policy:
    return Policy.of(Tenant.objects.get(pk=caller.tenant_id))
