"""Tenants: operators add, suspend and resume them; a tenant's own people name theirs."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminEmailInputWidget

from accounts import invitations
from accounts.admin.base import FormBase
from accounts.admin.limits import LimitsAdmin, LimitSet, with_limits
from accounts.admin.visiting import Visiting
from accounts.admin.visitors import actor_of, caller_of, is_operator
from accounts.audit import record
from accounts.failover.choice import failing_at, usable_at
from accounts.models import Credential, Tenant
from accounts.roles import Permission, Role


@with_limits(
    LimitSet(
        "limits",
        "Limits",
        "For the whole organisation. What its plan allows at the most counts too: of the two the "
        "smaller one. An empty field is no limit.",
        within="plan_limits",
    ),
    LimitSet(
        "member_limits",
        "Each member",
        "For each person here, and counted for each alone. A member's own page can say otherwise.",
    ),
    LimitSet(
        "plan_limits",
        "Plan",
        "What the operator of this service allows this organisation. Only operators change it.",
        operators_only=True,
    ),
)
class OrganisationForm(FormBase):
    owner_email = forms.EmailField(
        label="first owner's e-mail",
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text="They are invited as its owner, and set up everything else themselves.",
    )

    class Meta:
        model = Tenant
        fields = ("name", "slug", "requires_mfa", "allows_visits")


@admin.register(Tenant)
class OrganisationAdmin(Visiting, LimitsAdmin):
    limits_when_added = False
    seen_with = changed_with = Permission.MANAGE_TENANT
    addable = False
    deletable = False  # suspend it instead
    kept = ()
    operator_only = ()
    form = OrganisationForm
    list_display = ("name", "slug", "state", "credentials", "created_at")
    list_filter = ("state",)
    search_fields = ("name", "slug")
    readonly_fields = ("state", "created_at")
    actions = ("suspend", "resume")
    change_form_outer_before_template = "admin/tenant_acts.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_operator(request)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the actions below."""
        return is_operator(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        theirs = Credential.objects.filter(tenant=OuterRef("pk"))
        failing = theirs.filter(failing_at(timezone.now()))
        usable = theirs.filter(usable_at(timezone.now()))
        rows = super().get_queryset(request)
        told: QuerySet[Any] = rows.annotate(fails=Exists(failing), works=Exists(usable))
        return told

    def get_urls(self) -> list[Any]:
        return [*self.visit_urls(), *super().get_urls()]

    @admin.display(description="credentials")
    def credentials(self, obj: Any) -> str:
        """Whether the tenant's conversations have something to run on."""
        if obj.fails:
            return "One fails, another steps in" if obj.works else "None works"
        return "Work" if obj.works else "None"

    def of_tenant(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        caller = caller_of(request)
        return rows.filter(pk=caller.tenant_id) if caller else rows.none()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        later = ("owner_email",) if obj is None else ("state", "created_at")
        return ("name", "slug", "requires_mfa", "allows_visits", *later)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if email := form.cleaned_data.get("owner_email"):
            # Kept on the object until this request's answer, and nowhere else.
            visitor: Any = request.user
            obj.invited = invitations.invite(
                obj, email, Role.OWNER, actor=actor_of(request), created_by=visitor
            )

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """After an invitation that no mail server can carry: the link, once."""
        invitation, link = getattr(obj, "invited", (None, ""))
        if invitation is None or invitations.send(invitation, link, "The operator of this service"):
            answer: HttpResponse = super().response_add(request, obj, post_url_continue)
            return answer
        context = {
            **self.admin_site.each_context(request),
            "title": f"{obj.name} is ready for its owner",
            "opts": self.opts,
            "invitation": invitation,
            "link": link,
        }
        # No redirect and no message: both would put the link where it stays.
        return render(request, "accounts/owner_invited.html", context)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        shown = super().get_readonly_fields(request, obj)
        # The slug stands in addresses that others hold.
        # Who wants to look in does not say that she may.
        return (*shown, "allows_visits" if is_operator(request) else "slug")

    @admin.action(description="Suspend…", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> HttpResponse | None:
        tenants = list(queryset.filter(state=Tenant.State.ACTIVE))
        asked = self.ask_first(
            request,
            tenants,
            question="Suspend these organisations?",
            effects=[
                "Their people and API keys are refused until they are resumed. Nothing is deleted."
            ],
            ends=True,
        )
        if asked is None:
            self._move(request, tenants, Tenant.State.SUSPENDED)
        return asked

    @admin.action(description="Resume…", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> HttpResponse | None:
        tenants = list(queryset.filter(state=Tenant.State.SUSPENDED))
        asked = self.ask_first(
            request,
            tenants,
            question="Resume these organisations?",
            effects=["Their people and API keys are let in again."],
        )
        if asked is None:
            self._move(request, tenants, Tenant.State.ACTIVE)
        return asked

    def _move(self, request: HttpRequest, tenants: list[Tenant], state: Tenant.State) -> None:
        verb = "suspended" if state == Tenant.State.SUSPENDED else "resumed"
        for tenant in tenants:
            before, after = {"state": tenant.state}, {"state": str(state)}
            tenant.state = state
            with transaction.atomic():
                tenant.save(update_fields=["state"])
                record(
                    f"tenant.{verb}", tenant, actor=actor_of(request), before=before, after=after
                )
        names = ", ".join(tenant.name for tenant in tenants) or "None of them"
        self.message_user(request, f"{names}: {verb}.", messages.SUCCESS)
