"""Signing in, one's own account, and choosing the tenant to work in."""

from typing import Any

from allauth.account.forms import UserTokenForm
from allauth.account.views import (
    INTERNAL_RESET_SESSION_KEY,
    LogoutView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import record
from accounts.callers import ACTIVE_TENANT, Caller, memberships_of
from accounts.credentials import is_simulated
from accounts.failover.choice import credential_in_use
from accounts.models import Tenant, User, UserManager
from accounts.roles import Permission
from accounts.sessions import browser_name, end_sessions
from accounts.sign_in import next_page, password_link, signed_on_at, user_of
from accounts.tenancy import platform_scope
from accounts.visits import end_visit


class LogoutPage(LogoutView):  # type: ignore[misc]
    """Logs out at once: the menu asks by POST, and a link cannot."""

    http_method_names = ["post"]


class PasswordResetPage(PasswordResetView):  # type: ignore[misc]
    """Asks for a link by e-mail; without a mail server it says whom to ask instead."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "sends_mail": bool(settings.EMAIL_URL)}


@never_cache
@require_safe
def follow_password_link(request: HttpRequest) -> HttpResponse:
    """Take the secret of a password link out of the address, and go on to the form."""
    uid, _, token = request.GET.get("key", "").partition("-")
    if not uid.isalnum():
        raise Http404
    if UserTokenForm(data={"uidb36": uid, "key": token}).is_valid():
        request.session[INTERNAL_RESET_SESSION_KEY] = token
    return redirect(
        "account_reset_password_from_key", uidb36=uid, key=PasswordResetFromKeyView.reset_url_key
    )


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """What protects one's own account, and where it is signed in."""
    user = user_of(request)
    kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    context = {
        "has_app": Authenticator.Type.TOTP in kinds,
        "passkeys": kinds.count(Authenticator.Type.WEBAUTHN),
        "sessions": len(UserSession.objects.purge_and_list(user)),
    }
    return render(request, "account/account.html", context)


class SessionsPage(ListUserSessionsView):  # type: ignore[misc]
    """Where one is logged in; signs out everywhere else."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for session in context["sessions"]:
            session.browser = browser_name(session.user_agent)
        return context


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out one other browser of this person's."""
    row = UserSession.objects.filter(pk=session_id, user=user_of(request)).first()
    if row is None:
        raise Http404
    end_sessions(user_of(request), only=row.session_key)
    return redirect("usersessions_list")


class PasswordLinkForm(forms.Form):
    email = forms.EmailField(label="E-mail", max_length=254)

    def clean_email(self) -> User:
        email = UserManager.normalize_email(self.cleaned_data["email"])
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            raise forms.ValidationError("There is no open account with this address.")
        return user


@never_cache
@login_required
def make_password_link(request: HttpRequest) -> HttpResponse:
    """An operator makes a link for a person who has lost her password. It is shown once."""
    if not user_of(request).is_operator or signed_on_at(request.session) is not None:
        raise Http404
    form = PasswordLinkForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        person: User = form.cleaned_data["email"]
        with platform_scope("audit of a password link"):
            record("user.password-link-made", person, actor=f"user:{request.user.pk}")
        context |= {"person": person, "link": password_link(person)}
    return render(request, "account/password_link.html", context)


@login_required
@require_POST
def switch_tenant(request: HttpRequest) -> HttpResponse:
    """Work in another tenant from now on: `tenant` is its id, `next` where to go."""
    chosen = request.POST.get("tenant", "")
    tenants = (str(membership.tenant_id) for membership in _memberships(request))
    if chosen not in tenants:
        raise Http404
    request.session[ACTIVE_TENANT] = chosen
    return HttpResponseRedirect(next_page(request))


@login_required
@require_POST
def stop_looking(request: HttpRequest) -> HttpResponse:
    """End one's visit, see `accounts.visits`."""
    end_visit(request.session, user_of(request))
    return redirect("admin:index" if user_of(request).is_operator else "lobby")


def caller_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may use: `caller`, its `tenant`, the `memberships` to choose from
    (each with its tenant), whether the caller `may_review`, `may_manage_members`, `may_leave`
    and `may_enter_admin`, and whether answers are `simulated`. Nothing is looked up before a
    template asks."""
    caller: Caller | None = getattr(request, "caller", None)
    memberships = SimpleLazyObject(lambda: _memberships(request))
    if caller is None:
        return {"caller": None, "tenant": None, "memberships": memberships, "simulated": False}
    return {
        "caller": caller,
        "may_enter_admin": caller.may(Permission.ENTER_ADMIN),
        "may_review": caller.may(Permission.REVIEW_CONVERSATIONS),
        "may_manage_members": caller.may(Permission.MANAGE_MEMBERS),
        "may_leave": caller.may(Permission.LEAVE),
        "tenant": SimpleLazyObject(lambda: Tenant.objects.get(pk=caller.tenant_id)),
        "memberships": memberships,
        "simulated": SimpleLazyObject(tenant_is_simulated),
    }


def _memberships(request: HttpRequest) -> list[Any]:
    user = getattr(request, "user", None)
    return memberships_of(user, request.session) if isinstance(user, User) else []


def tenant_is_simulated() -> bool:
    """Whether the answers in the current tenant's scope come from something that is not Google."""
    credential = credential_in_use(timezone.now())
    return credential is not None and is_simulated(credential)
