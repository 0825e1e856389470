"""The rotation of a service account's key: begun here, looked at while it runs, steered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminRadioSelectWidget

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of
from accounts.confirmation import counted
from accounts.models import Credential, CredentialRotation
from accounts.roles import Permission
from accounts.rotation.progress import AFTER_PROMOTION, BEFORE_PROMOTION, Demand, State
from accounts.rotation.requests import (
    RotationRefused,
    can_be_rotated,
    demand,
    open_rotation_of,
    request_rotation,
)
from accounts.rotation.schedule import LONGEST_DAYS, SHORTEST_DAYS, set_schedule
from accounts.rotation.sessions import sessions_on
from accounts.rotation.states import allowed
from accounts.tenancy import tenant_scope

_NEVER, _REMIND, _BY_ITSELF = "never", "remind", "by-itself"


class ScheduleForm(forms.Form):
    """How often a key is rotated. `days` is read only where it matters."""

    mode = forms.ChoiceField(
        label="Schedule",
        choices=[
            (_NEVER, "No schedule"),
            (_REMIND, "Remind us by e-mail"),
            (_BY_ITSELF, "Rotate by itself, and tell us by e-mail"),
        ],
        widget=UnfoldAdminRadioSelectWidget,
    )
    days = forms.IntegerField(
        label="Every so many days",
        min_value=SHORTEST_DAYS,
        max_value=LONGEST_DAYS,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"Between {SHORTEST_DAYS} and {LONGEST_DAYS}. Google recommends 90 or less.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("mode") != _NEVER and not data.get("days") and "days" not in self.errors:
            self.add_error("days", "Say after how many days.")
        return data


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four steps that people see."""

    title: str
    text: str
    mark: str  # a class of the style sheet: ok, note, bad, skipped
    at: str = ""  # when it was reached, ISO 8601


@admin.register(CredentialRotation)
class RotationAdmin(TenantAdmin):
    seen_with = changed_with = Permission.MANAGE_CREDENTIALS
    addable = deletable = changeable = False
    list_display = ("name", "tenant", "state", "old_key", "new_key", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("tenant",)
    search_fields = ("name", "client_email", "=old_key", "=new_key")
    ordering = ("-id",)

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        base = "accounts_credentialrotation"
        return (
            ("begin/<uuid:credential_id>/", f"{base}_begin", self.begin_view),
            ("schedule/<uuid:credential_id>/", f"{base}_schedule", self.schedule_view),
            ("<path:object_id>/demand/<slug:what>/", f"{base}_demand", self.demand_view),
        )

    # -- Begin and schedule ------------------------------------------------------------------

    def begin_view(self, request: HttpRequest, credential_id: UUID, **_: Any) -> HttpResponse:
        """What a rotation does, and the button that begins it; the schedule beside it."""
        credential = _credential(credential_id)
        if request.method != "POST":
            return self._begin_page(request, credential, ScheduleForm(initial=_mode(credential)))
        try:
            with tenant_scope(credential.tenant_id):
                rotation = request_rotation(
                    credential,
                    actor=actor_of(request),
                    now=timezone.now(),
                    by_itself=request.POST.get("by_itself", "yes") == "yes",
                )
        except RotationRefused as refused:
            self.message_user(request, f"{refused} {refused.fix}", messages.ERROR)
            return HttpResponseRedirect(request.path)
        return HttpResponseRedirect(_page_of(rotation))

    def schedule_view(self, request: HttpRequest, credential_id: UUID, **_: Any) -> HttpResponse:
        credential = _credential(credential_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return self._begin_page(request, credential, form)
        mode = form.cleaned_data["mode"]
        days = None if mode == _NEVER else form.cleaned_data["days"]
        with tenant_scope(credential.tenant_id):
            set_schedule(credential, days, by_itself=mode == _BY_ITSELF, actor=actor_of(request))
        self.message_user(request, "The schedule is stored.", messages.SUCCESS)
        return HttpResponseRedirect(_begin_of(credential))

    def _begin_page(
        self, request: HttpRequest, credential: Credential, form: ScheduleForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Rotate the key of {credential}",
            "opts": self.opts,
            "credential": credential,
            "rotation": open_rotation_of(credential),
            "rotatable": can_be_rotated(credential),
            "takes_schedule": credential.kind == Credential.Kind.SERVICE_ACCOUNT
            and credential.state != Credential.State.REVOKED,
            "form": form,
            "sends_mail": bool(settings.EMAIL_URL),
        }
        return TemplateResponse(request, "admin/rotation_begin.html", context)

    # -- Look and steer ----------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The rotation's own page: four steps, with who runs on which key right now."""
        if request.method == "POST":
            raise PermissionDenied
        rotation = self._rotation(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Rotation of {rotation.name}",
            "opts": self.opts,
            "rotation": rotation,
            "stages": stages_of(rotation),
            "sessions": _sessions(rotation),
            "demands": [] if rotation.demand else _offered(rotation),
            "sends_mail": bool(settings.EMAIL_URL),
        }
        return TemplateResponse(request, "admin/rotation.html", context)

    def demand_view(
        self, request: HttpRequest, object_id: str, what: str, **_: Any
    ) -> HttpResponse:
        """Promote, retire, roll back: first what it would do, then the act."""
        rotation = self._rotation(request, object_id)
        wanted = Demand(what) if what in Demand.values else None
        if wanted is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseRedirect(_page_of(rotation))
        if wanted in _QUESTIONS and wanted in allowed(rotation.progress()):
            asked = self.ask_first(
                request,
                [rotation],
                question=_QUESTIONS[wanted],
                effects=effects_of(rotation, wanted),
                ends=wanted == Demand.RETIRE,
            )
            if asked:
                return asked
        with tenant_scope(rotation.tenant_id):
            done = demand(rotation, wanted, actor=actor_of(request), now=timezone.now())
        if done:
            self.message_user(request, "It is done within seconds.", messages.SUCCESS)
        else:
            self.message_user(request, "It is too late for that: see below.", messages.WARNING)
        return HttpResponseRedirect(_page_of(rotation))

    def _rotation(self, request: HttpRequest, object_id: str) -> CredentialRotation:
        rotation: CredentialRotation | None = self.get_object(request, unquote(object_id))
        if rotation is None:
            raise Http404
        return rotation


# -- What the pages say -------------------------------------------------------------------------

_QUESTIONS = {
    Demand.PROMOTE: "Use the new key from now on?",
    Demand.RETIRE: "Retire the old key without waiting?",
    Demand.ROLL_BACK: "Roll back to the old key?",
}


def effects_of(rotation: CredentialRotation, wanted: Demand) -> list[str]:
    """What a demand would do, in sentences. In a scope that holds the rotation."""
    on_old, on_new = _sessions(rotation).values()
    if wanted == Demand.PROMOTE:
        return [
            "New conversations use the new key. Those that run keep the one they began with.",
            "You can roll back until the old key is deleted.",
        ]
    if wanted == Demand.ROLL_BACK:
        kept = f"The new key is kept for {counted(on_new, 'conversation')} that run on it."
        return [
            "New conversations use the old key again.",
            *([kept] if on_new else []),
            "The new key is deleted at Google.",
        ]
    running = f"This ends {counted(on_old, 'conversation')} that run on the old key."
    within = "Each ends when its access token runs out, within an hour."
    ended = [running, within] if on_old else []
    if _is_off(rotation):
        tried = "The new key is tried once more, then the old one is deleted at Google."
        return [*ended, tried, "It cannot be rolled back after that."]
    return [*ended, "The old key is disabled at Google at once, and deleted an hour later."]


def stages_of(rotation: CredentialRotation) -> list[Stage]:
    """The four steps of the wizard, as far as they are."""
    reached: Mapping[str, str] = {step["state"]: step["at"] for step in rotation.steps}
    return [
        Stage("Add a new key", *_added(rotation), reached.get(State.CREATED, "")),
        Stage("Verify it, run beside", *_verified(rotation), reached.get(State.VERIFIED, "")),
        Stage("Promote it", *_promoted(rotation), reached.get(State.RETIRING, "")),
        Stage("Retire the old key", *_retired(rotation), reached.get(State.DONE, "")),
    ]


def _added(rotation: CredentialRotation) -> tuple[str, str]:
    if rotation.new_key:
        return f"Key {rotation.new_key}. Its private half was made here and never left.", "ok"
    if rotation.state in BEFORE_PROMOTION:
        return "A key pair is made here, and its public half goes to Google.", "note"
    return "No key was made.", "skipped"


def _verified(rotation: CredentialRotation) -> tuple[str, str]:
    if rotation.verified_at is not None:
        return "A real session was opened with it and closed again.", "ok"
    if rotation.state == State.CREATED:
        return "A session is being tried. A new key may need a minute until it works.", "note"
    return "A real session is opened with the new key.", "skipped"


def _promoted(rotation: CredentialRotation) -> tuple[str, str]:
    if rotation.state in AFTER_PROMOTION | {State.DELETING, State.DONE}:
        return "New conversations use the new key.", "ok"
    if rotation.state == State.VERIFIED and not rotation.by_itself:
        return "It waits for you. Until then new conversations use the old key.", "warn"
    return "New conversations use the new key; those that run keep theirs.", "skipped"


def _retired(rotation: CredentialRotation) -> tuple[str, str]:
    told = {
        State.RETIRING: f"It is disabled once no conversation runs on it, at the latest on "
        f"{_time(rotation.retire_by)}.",
        State.DISABLED: f"It is disabled, and deleted on {_time(rotation.delete_at)}. "
        "Until then it can be brought back.",
        State.DELETING: "It is being deleted at Google.",
        State.DONE: "It is deleted at Google, and its secret is wiped here.",
    }
    text = told.get(State(rotation.state))
    if text is None:
        return "Disabled first, deleted an hour later.", "skipped"
    return text, "ok" if rotation.state == State.DONE else "note"


def _time(at: datetime | None) -> str:
    return f"{at:%-d %b %Y, %H:%M} UTC" if at else "demand"


def _sessions(rotation: CredentialRotation) -> dict[str, int]:
    ids = [pk for pk in (rotation.old_id, rotation.new_id) if pk]
    with tenant_scope(rotation.tenant_id):
        found = sessions_on(ids)
    return {
        "old": found.get(rotation.old_id, 0) if rotation.old_id else 0,
        "new": found.get(rotation.new_id, 0) if rotation.new_id else 0,
    }


def _offered(rotation: CredentialRotation) -> list[dict[str, str]]:
    looks = {
        Demand.PROMOTE: "p-button-main",
        Demand.RETIRE: "p-button-bad",
    }
    labels = {Demand.RETIRE: "Delete the old key now"} if _is_off(rotation) else {}
    return [
        {
            "value": each.value,
            "label": labels.get(each, str(each.label)),
            "look": looks.get(each, ""),
        }
        for each in allowed(rotation.progress())
    ]


def _is_off(rotation: CredentialRotation) -> bool:
    return rotation.state == State.DISABLED


def _credential(pk: UUID) -> Credential:
    found = Credential.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _mode(credential: Credential) -> dict[str, Any]:
    if credential.rotate_every_days is None:
        return {"mode": _NEVER, "days": 90}
    mode = _BY_ITSELF if credential.rotates_by_itself else _REMIND
    return {"mode": mode, "days": credential.rotate_every_days}


def _page_of(rotation: CredentialRotation) -> str:
    return reverse("admin:accounts_credentialrotation_change", args=(rotation.pk,))


def _begin_of(credential: Credential) -> str:
    return reverse("admin:accounts_credentialrotation_begin", args=(credential.pk,))
