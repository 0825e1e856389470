"""Where an operator says in which role she looks into an organisation, and why."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.visitors import is_operator
from accounts.models import Tenant, User
from accounts.roles import Role
from accounts.visits import LASTS, ROLES, VisitRefused, begin_visit


class VisitForm(forms.Form):
    role = forms.ChoiceField(
        choices=[(str(role), role.label) for role in ROLES],
        initial=str(Role.REVIEWER),
        widget=UnfoldAdminRadioSelectWidget,
    )
    reason = forms.CharField(
        min_length=8,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="They read it in their audit, such as the number of their request.",
    )


class Visiting:
    """Mixed into the organisations' admin: one address below each one's own."""

    def visit_urls(self) -> list[URLPattern]:
        admin: Any = self
        view = admin.admin_site.admin_view(self.visit)
        return [path("<uuid:pk>/visit/", view, name="accounts_tenant_visit")]

    def visit(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask for role and reason, then look in."""
        admin: Any = self
        admin.check_reachable(request, str(pk))
        if not is_operator(request):
            raise PermissionDenied
        tenant: Tenant = admin.get_object(request, str(pk))
        form = VisitForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and self._begin(request, tenant, form.cleaned_data):
            return redirect("admin:index")
        context = {
            **admin.admin_site.each_context(request),
            "title": f"Look into {tenant.name}",
            "opts": admin.opts,
            "tenant": tenant,
            "form": form,
            "minutes": LASTS.seconds // 60,
        }
        return TemplateResponse(request, "admin/visit.html", context)

    def _begin(self, request: HttpRequest, tenant: Tenant, entered: dict[str, Any]) -> bool:
        role, by = Role(entered["role"]), cast(User, request.user)
        try:
            begin_visit(request.session, by, tenant, role, entered["reason"], timezone.now())
        except VisitRefused:
            problem = f"{tenant.name} does not let operators look in, or is not active."
            messages.error(request, problem)
            return False
        return True
