"""A tenant's Gemini credentials: add, verify, make primary, revoke."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.admin.base import TenantAdmin
from accounts.admin.credential_form import CredentialForm
from accounts.admin.visitors import actor_of, is_operator
from accounts.audit import record
from accounts.failover.alarm import trouble_of
from accounts.models import Credential
from accounts.pasted_secrets import read_pasted
from accounts.places import may_be_used, other_origins
from accounts.roles import Permission
from accounts.signals import tell_if_failed
from accounts.verification import NOTED, note_trial, try_credential
from live import Report

_SHOWN = (
    *("kind", "client_email", "key_id", "fingerprint", "last_four"),
    *("state", "trouble", "is_primary", "last_used_at", "verified_at"),
    *("creator", "created_at"),
)

# The key of one that retires is about to be deleted; its rotation can be rolled back instead.
_UNUSABLE = frozenset(
    {Credential.State.REVOKED, Credential.State.UNDECRYPTABLE, Credential.State.RETIRING}
)


@admin.register(Credential)
class CredentialAdmin(TenantAdmin):
    seen_with = changed_with = Permission.MANAGE_CREDENTIALS
    form = CredentialForm
    change_form_template = "admin/credential_form.html"
    list_display = (
        *("name", "tenant", "state", "order", "trouble", "client_email", "endpoint", "project"),
        *("location", "key_id", "fingerprint", "last_used_at", "verified_at", "created_at"),
    )
    list_filter = ("state", "kind", "endpoint")
    list_select_related = ("tenant", "created_by")
    search_fields = ("name", "client_email", "project", "=key_id", "=fingerprint")
    autocomplete_fields = ("tenant",)
    ordering = ("-is_primary", "position", "id")
    readonly_fields = _SHOWN
    actions = ("make_primary", "revoke")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        tenant = ("tenant",) if is_operator(request) else ()
        address = ("base_url",) if is_operator(request) or other_origins() else ()
        asked = (
            (None, {"fields": (*tenant, "name", "secret", "position")}),
            ("Where it is used", {"fields": ("endpoint", "project", "location", *address)}),
            ("Before it is stored", {"fields": ("store_anyway",)}),
        )
        return asked if obj is None else (*asked, ("What is known of it", {"fields": _SHOWN}))

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        fields = [each for each in CredentialForm.Meta.fields if each != "tenant"]
        if is_operator(request) and obj is None:
            fields.append("tenant")
        form = super().get_form(request, obj, **{**kwargs, "fields": fields})
        given = {"is_operator": is_operator(request), "trial": getattr(request, "trial", None)}
        return type(form.__name__, (form,), given)

    @admin.display(description="order", ordering="position")
    def order(self, obj: Credential) -> str:
        return "Primary" if obj.is_primary else f"Standby, {obj.position}"

    @admin.display(description="what is wrong")
    def trouble(self, obj: Credential) -> str:
        """Why it fails, since when, and how it comes back."""
        return trouble_of(obj, timezone.now())

    # -- Storing what was tried --------------------------------------------------------------

    @method_decorator(sensitive_post_parameters("secret"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "POST" and self._may_save(request, object_id):
            # Before Django opens the transaction of the request.
            request.trial = self._trial(request, object_id)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _may_save(self, request: HttpRequest, object_id: str | None) -> bool:
        if object_id is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request)

    def _trial(self, request: HttpRequest, object_id: str | None) -> Report | None:
        """Try what was entered. None when it is not complete, or holds nothing new."""
        form = self._filled_form(request, object_id)
        if not form.is_valid() or not form.wants_trial:
            return None
        return try_credential(form.instance)

    def _filled_form(self, request: HttpRequest, object_id: str | None) -> Any:
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        form_class = self.get_form(request, obj, change=obj is not None)
        return form_class(request.POST, request.FILES, instance=obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        trial: Report | None = getattr(request, "trial", None)
        form = context["adminform"].form
        context["reading"] = form.reading if form.is_bound else None
        context["report"] = trial.to_dict() if trial else (obj.verification if obj else None)
        context["report_is_new"] = trial is not None
        answer: HttpResponse = super().render_change_form(request, context, **kwargs)
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
            primaries = Credential.objects.filter(tenant=obj.tenant_id, is_primary=True)
            obj.is_primary = form.trial is not None and form.trial.ok and not primaries.exists()
        before = obj.state
        if form.trial is not None:
            note_trial(obj, form.trial, timezone.now())
        super().save_model(request, obj, form, change)
        if change:
            tell_if_failed(obj, before)

    # -- Explaining and verifying ------------------------------------------------------------

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (
            ("explain/", "accounts_credential_explain", self.explain_view),
            ("try/", "accounts_credential_try_new", self.try_view),
            ("<path:object_id>/try/", "accounts_credential_try", self.try_view),
            ("<path:object_id>/verify/", "accounts_credential_verify", self.verify_view),
        )

    @method_decorator(sensitive_post_parameters("secret"))
    def explain_view(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """What was pasted, line by line, as a piece of the form's page. Nothing is stored."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        allowed = (lambda _: True) if is_operator(request) else may_be_used
        project = request.POST.get("project", "").strip()
        reading = read_pasted(request.POST.get("secret", ""), project=project, may_ask=allowed)
        return render(request, "admin/credential_reading.html", {"reading": reading})

    @method_decorator(sensitive_post_parameters("secret"))
    def try_view(
        self, request: HttpRequest, object_id: str | None = None, **_: Any
    ) -> HttpResponse:
        """Try what was entered and store nothing: a piece of the form's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self._may_save(request, object_id):
            raise PermissionDenied
        form = self._filled_form(request, object_id)
        report = try_credential(form.instance) if form.is_valid() else None
        context = {
            "trial_errors": [fault for faults in form.errors.values() for fault in faults],
            "report": report.to_dict() if report else None,
            "report_is_new": True,
        }
        return render(request, "admin/credential_report.html", context)

    def verify_view(self, request: HttpRequest, object_id: str, **_: Any) -> HttpResponse:
        """Try the stored secret now, and keep what was found."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        credential = self.get_object(request, unquote(object_id))
        if credential is None:
            raise Http404
        if not self.has_change_permission(request, credential):
            raise PermissionDenied
        report = try_credential(credential)
        self._store_trial(request, credential, report)
        if report.failure is None:
            self.message_user(request, "Verified: conversations can be held.", messages.SUCCESS)
        else:
            self.message_user(request, f"It does not work: {report.failure.detail}", messages.ERROR)
        return HttpResponseRedirect(
            reverse("admin:accounts_credential_change", args=(credential.pk,))
        )

    def _store_trial(self, request: HttpRequest, credential: Credential, report: Report) -> None:
        before = {"state": credential.state}
        with transaction.atomic():
            tried = Credential.objects.select_for_update().get(pk=credential.pk)
            if tried.version != credential.version:
                return  # another secret has been entered meanwhile: this says nothing about it
            state = tried.state
            note_trial(tried, report, timezone.now())
            tried.save(update_fields=NOTED)
            tell_if_failed(tried, state)
            after = {"state": tried.state, "works": report.ok}
            record(
                "credential.verified", tried, actor=actor_of(request), before=before, after=after
            )

    # -- Actions -----------------------------------------------------------------------------

    @admin.action(description="Make primary…", permissions=["change"])
    def make_primary(
        self, request: HttpRequest, queryset: QuerySet[Credential]
    ) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1 or chosen[0].state in _UNUSABLE:
            self.message_user(request, "Choose exactly one that can be used.", messages.ERROR)
            return None
        asked = self.ask_first(
            request,
            chosen,
            question="Make this the primary credential?",
            effects=_effects_of_preferring(chosen[0]),
        )
        if asked:
            return asked
        [credential] = chosen
        with transaction.atomic():
            primaries = Credential.objects.filter(tenant=credential.tenant_id, is_primary=True)
            primaries.update(is_primary=False)
            queryset.update(is_primary=True)
            record("credential.made-primary", credential, actor=actor_of(request))
        self.message_user(request, f"{credential.name} is the primary one now.", messages.SUCCESS)
        return None

    @admin.action(description="Revoke…", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Credential]) -> HttpResponse | None:
        credentials = list(queryset.exclude(state=Credential.State.REVOKED))
        asked = self.ask_first(
            request,
            credentials,
            question="Revoke these credentials?",
            effects=_effects_of_revoking(credentials),
            ends=True,
        )
        if asked:
            return asked
        with transaction.atomic():
            for credential in credentials:
                credential.state = Credential.State.REVOKED
                credential.is_primary = False
                credential.save(update_fields=["state", "is_primary"])
                record("credential.revoked", credential, actor=actor_of(request))
        self.message_user(request, f"Revoked: {len(credentials)}.", messages.SUCCESS)
        return None


def _effects_of_preferring(credential: Credential) -> list[str]:
    effects = ["New conversations use it. Those that run keep the one they began with."]
    if credential.state == Credential.State.FAILING:
        effects.append("It fails now: until it works again, standbys step in for it.")
    elif credential.state != Credential.State.ACTIVE:
        effects.append("Nobody has shown yet that it works: verify it first.")
    return effects


def _effects_of_revoking(credentials: list[Credential]) -> list[str]:
    effects = ["They are not used any more, and cannot be brought back: enter the secret again."]
    if any(credential.is_primary for credential in credentials):
        effects.append("The next working standby steps in; without one no conversation can start.")
    effects.append("The key itself stays valid at Google until it is deleted there.")
    return effects
