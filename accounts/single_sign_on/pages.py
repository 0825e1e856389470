"""Signing in with a tenant's identity provider: to it, and back."""

from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.views import LoginView
from allauth.core.ratelimit import consume_or_429
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit.sign_ins import refused_sign_on
from accounts.callers import ACTIVE_TENANT, Caller
from accounts.models import IdentityProvider, User, UserManager
from accounts.roles import Permission
from accounts.sign_in import SIGN_ON, next_page, user_of
from accounts.single_sign_on import flows, protocol, trials
from accounts.single_sign_on.admittance import admit
from accounts.single_sign_on.providers import client_of, is_in_use, provider_for
from accounts.tenancy import platform_scope, tenant_scope


class LoginPage(LoginView):  # type: ignore[misc]
    """Asks for the e-mail address first where any tenant uses single sign-on. What follows is told
    by the address's domain alone: who has an account shows nowhere."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "password" in request.POST:
            answer: HttpResponse = super().post(request, *args, **kwargs)
            return answer
        email = UserManager.normalize_email(request.POST.get("login"))
        provider = None if request.POST.get("with") == "password" else provider_for(email)
        if provider is not None:
            return leave_for(request, provider, email=email)
        form = self.get_form_class()(request=request, initial={"login": email})
        context = self.get_context_data(form=form, asks_password=True)
        page: HttpResponse = self.render_to_response(context)
        return page

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context.setdefault("asks_password", context["form"].is_bound or not is_in_use())
        return context


def limited(view: Any) -> Any:
    """As often as people may log in."""

    @wraps(view)
    def held(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse | None = consume_or_429(request, action="login")
        return answer if answer is not None else view(request, *args, **kwargs)

    return held


@never_cache
@require_POST
@limited
def begin(request: HttpRequest) -> HttpResponse:
    """For who is in with a password where the tenant asks for more: her address is known."""
    if not isinstance(request.user, User):
        return redirect("account_login")
    provider = provider_for(request.user.email)
    if provider is None:
        return _problem_page(request, _nobody_signs_in_so())
    return leave_for(request, provider, email=request.user.email)


def leave_for(
    request: HttpRequest, provider: IdentityProvider, *, email: str, tester: str = ""
) -> HttpResponse:
    """A page that leads to the provider at once. It is no redirect: the page's policy lets forms
    lead nowhere else, and holds for redirects behind them too.

    Raises nothing: a provider that cannot be asked is told on a page.
    """
    try:
        discovery = protocol.discover(provider.issuer)
        client = client_of(provider)
    except protocol.SignOnFault as fault:
        if tester:
            raise
        return _refuse(request, provider.tenant_id, fault)
    flow = flows.Flow(
        str(provider.tenant_id), str(provider.pk), discovery, tester, next_page(request)
    )
    flows.keep(request.session, flow)
    address = protocol.login_address(
        discovery,
        client,
        state=flow.state,
        nonce=flow.nonce,
        code_challenge=protocol.challenge_of(flow.verifier),
        login_hint=email,
    )
    context = {"address": address, "host": discovery.host}
    return render(request, "account/sign_on_leave.html", context)


@never_cache
@require_safe
@limited
def come_back(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """Where a tenant's provider sends people to."""
    flow = flows.take(request.session, tenant_id, request.GET.get("state", ""))
    if flow is None:
        return render(request, "account/sign_on_late.html", status=HTTPStatus.BAD_REQUEST)
    provider = _provider_of(flow)
    if flow.tester:
        return _conclude_trial(request, flow, provider)
    if provider is None or provider.state != IdentityProvider.State.ACTIVE:
        return _refuse(request, tenant_id, _nobody_signs_in_so())
    try:
        person = _person(request, flow, provider)
        with platform_scope("let a person in"), tenant_scope(tenant_id):
            user = admit(provider, person)
    except protocol.SignOnFault as fault:
        return _refuse(request, tenant_id, fault)
    return _let_in(request, provider, user, flow.next)


def _provider_of(flow: flows.Flow) -> IdentityProvider | None:
    with platform_scope("the provider of a sign-in"):
        rows = IdentityProvider.objects.select_related("tenant")
        found = rows.filter(pk=flow.provider_id, tenant=UUID(flow.tenant_id)).first()
    return found if found is not None and found.tenant.is_active else None


def _person(request: HttpRequest, flow: flows.Flow, provider: IdentityProvider) -> protocol.Person:
    client = client_of(provider)
    code = protocol.check_return(request.GET.dict(), flow.discovery.issuer)
    tokens = protocol.redeem(flow.discovery, client, code, flow.verifier)
    return protocol.person_of(flow.discovery, client, tokens, flow.nonce)


def _let_in(
    request: HttpRequest, provider: IdentityProvider, user: User, next_page: str
) -> HttpResponse:
    if request.user.is_authenticated:
        logout(request)
    tenant_id = str(provider.tenant_id)
    record_authentication(request, user, method=SIGN_ON, tenant=tenant_id)
    request.session[ACTIVE_TENANT] = tenant_id
    login = Login(user=user, email=user.email, redirect_url=next_page)
    if not provider.is_second_factor:
        answer: HttpResponse = perform_login(request, login)
        return answer
    # The provider has asked for it: what follows is `perform_login` without its stages.
    adapter = get_adapter()
    adapter.login(request, user)
    done: HttpResponse = adapter.post_login(
        request,
        user,
        email_verification=login.email_verification,
        signal_kwargs=None,
        email=user.email,
        signup=False,
        redirect_url=next_page,
    )
    return done


def _conclude_trial(
    request: HttpRequest, flow: flows.Flow, provider: IdentityProvider | None
) -> HttpResponse:
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    is_tester = isinstance(request.user, User) and str(request.user.pk) == flow.tester
    if caller is None or not is_tester or str(caller.tenant_id) != flow.tenant_id:
        raise Http404
    if not caller.may(Permission.MANAGE_TENANT):
        raise Http404
    if provider is None:
        return trial_page(request, trials.changed_meanwhile())
    try:
        person = _person(request, flow, provider)
        trial = trials.conclude(provider, person, user_of(request), caller)
    except protocol.SignOnFault as fault:
        trial = trials.note(provider, fault, by=caller)
    return trial_page(request, trial)


def trial_page(request: HttpRequest, trial: trials.Trial) -> HttpResponse:
    return render(request, "accounts/sign_on_trial.html", {"trial": trial})


def _refuse(request: HttpRequest, tenant_id: UUID, fault: protocol.SignOnFault) -> HttpResponse:
    refused_sign_on(tenant_id, fault.code)
    return _problem_page(request, fault)


def _problem_page(request: HttpRequest, fault: protocol.SignOnFault) -> HttpResponse:
    return render(
        request, "account/sign_on_refused.html", {"fault": fault}, status=HTTPStatus.FORBIDDEN
    )


def _nobody_signs_in_so() -> protocol.SignOnFault:
    return protocol.SignOnFault(
        "Nobody signs in here with this organisation's account any more.",
        "Log in with your password, or ask an admin of your organisation.",
    )
