"""Logging in, and choosing the tenant to work in."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.callers import ACTIVE_TENANT, Caller, memberships_of
from accounts.credentials import is_simulated
from accounts.models import Credential, Tenant, User
from accounts.roles import Permission


class LoginForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "The e-mail address and the password do not go together. Try again.",
        "inactive": "This account is closed. Ask your organisation's administrator.",
    }


class LoginPage(LoginView):
    """Django's log-in view with our form and template."""

    form_class = LoginForm
    template_name = "accounts/login.html"


@login_required
@require_POST
def switch_tenant(request: HttpRequest) -> HttpResponse:
    """Work in another tenant from now on: `tenant` is its id, `next` where to go."""
    chosen = request.POST.get("tenant", "")
    tenants = (str(membership.tenant_id) for membership in memberships_of(_user(request)))
    if chosen not in tenants:
        raise Http404
    request.session[ACTIVE_TENANT] = chosen
    return HttpResponseRedirect(_next_page(request))


def _next_page(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else resolve_url("lobby")


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def caller_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may use: `caller`, its `tenant`, the `memberships` to choose from
    (each with its tenant), whether the caller `may_review`, and whether answers are
    `simulated`. Nothing is looked up before a template asks."""
    caller: Caller | None = getattr(request, "caller", None)
    if caller is None:
        return {"caller": None, "tenant": None, "memberships": [], "simulated": False}
    return {
        "caller": caller,
        "may_review": caller.may(Permission.REVIEW_CONVERSATIONS),
        "tenant": SimpleLazyObject(lambda: Tenant.objects.get(pk=caller.tenant_id)),
        "memberships": SimpleLazyObject(lambda: memberships_of(_user(request))),
        "simulated": SimpleLazyObject(tenant_is_simulated),
    }


def tenant_is_simulated() -> bool:
    """Whether the answers in the current tenant's scope come from something that is not Google."""
    credential = Credential.objects.filter(is_primary=True).first()
    return credential is not None and is_simulated(credential)
