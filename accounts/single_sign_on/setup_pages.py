"""Where a tenant's admin sets up single sign-on, tries it, and ends it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.callers import Caller
from accounts.models import IdentityProvider, ProviderIdentity
from accounts.roles import Permission
from accounts.sign_in import user_of
from accounts.single_sign_on import domains, providers, trials
from accounts.single_sign_on.fetching import FetchFailed, check_address
from accounts.single_sign_on.models import NEWCOMER_ROLES
from accounts.single_sign_on.pages import leave_for, limited, trial_page
from accounts.single_sign_on.protocol import SignOnFault
from accounts.single_sign_on.trials import Trial

State = IdentityProvider.State


class ProviderForm(forms.Form):
    """The settings. The secret is never shown: empty means the stored one."""

    issuer = forms.CharField(max_length=200)
    client_id = forms.CharField(max_length=200)
    secret = forms.CharField(max_length=500, required=False, widget=forms.PasswordInput, strip=True)
    domains = forms.CharField(max_length=2000)
    newcomer_role = forms.ChoiceField(choices=NEWCOMER_ROLES)
    admits_newcomers = forms.BooleanField(required=False)
    is_required = forms.BooleanField(required=False)
    is_second_factor = forms.BooleanField(required=False)

    def clean_issuer(self) -> str:
        issuer: str = self.cleaned_data["issuer"]
        try:
            parts = check_address(issuer)
        except FetchFailed as error:
            raise forms.ValidationError(str(error)) from None
        if parts.query or "/.well-known/" in parts.path:
            raise forms.ValidationError(
                "This is more than the issuer: it ends before /.well-known/."
            )
        return issuer

    def clean_domains(self) -> tuple[str, ...]:
        typed = self.cleaned_data["domains"].replace(",", " ").split()
        try:
            return tuple(dict.fromkeys(map(domains.normal, typed)))
        except domains.NoDomain as error:
            raise forms.ValidationError(
                f"“{str(error)[:80]}” is no domain. Write it as in “example.com”."
            ) from None

    def settings(self) -> providers.Settings:
        return providers.Settings(**self.cleaned_data)


@never_cache
@sensitive_post_parameters("secret")
@login_required
def set_up(request: HttpRequest) -> HttpResponse:
    """The page; a POST keeps the draft."""
    caller = _manager(request)
    form = ProviderForm(request.POST or None, initial=_stored())
    if request.method == "POST" and form.is_valid():
        try:
            providers.save_draft(form.settings(), caller)
        except providers.SecretWanted:
            form.add_error(
                "secret", "Enter the client secret: a stored one is not used for another client."
            )
        else:
            messages.success(request, "Saved. It counts once your own test has succeeded.")
            return redirect("single-sign-on-setup")
    return _page(request, caller, form)


@never_cache
@login_required
@require_POST
@limited
def try_out(request: HttpRequest) -> HttpResponse:
    """Begin the tester's own round trip, in the window that was opened for it."""
    caller, user = _manager(request), user_of(request)
    draft = providers.provider(State.DRAFT)
    if draft is None:
        raise Http404
    try:
        answer = leave_for(request, draft, email=user.email, tester=str(user.pk))
    except SignOnFault as fault:
        return trial_page(request, trials.note(draft, fault, by=caller))
    trials.note(draft, by=caller)
    return answer


@login_required
@require_POST
def discard(request: HttpRequest) -> HttpResponse:
    providers.discard_draft(_manager(request))
    return redirect("single-sign-on-setup")


@login_required
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    caller = _manager(request)
    ended = providers.end(caller)
    if caller.by_sign_on:
        return redirect("account_login")
    text = f"Single sign-on has ended, and so have {ended} sessions that began with it."
    messages.success(request, text)
    return redirect("single-sign-on-setup")


@login_required
@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    providers.forget_people(_manager(request))
    messages.success(request, "Forgotten. Each person's next sign-in links them anew.")
    return redirect("single-sign-on-setup")


def _page(request: HttpRequest, caller: Caller, form: ProviderForm) -> HttpResponse:
    active, draft = providers.provider(State.ACTIVE), providers.provider(State.DRAFT)
    shown = draft or active
    named = shown.domains if shown else []
    approved = domains.approved(named)
    context = {
        "form": form,
        "active": active,
        "draft": draft,
        "trial": Trial.from_json(draft.last_test if draft else None),
        "has_secret": shown is not None,
        "redirect_uri": providers.redirect_uri(caller.tenant_id),
        "domain_marks": [{"name": name, "approved": name in approved} for name in named],
        "waits_for_operator": len(approved) < len(named),
        "linked": ProviderIdentity.objects.count(),
        "roles": NEWCOMER_ROLES,
    }
    return render(request, "accounts/sign_on_setup.html", context)


def _stored() -> dict[str, Any]:
    row = providers.provider(State.DRAFT) or providers.provider(State.ACTIVE)
    if row is None:
        return {"newcomer_role": "member"}
    names = providers.Settings.__dataclass_fields__.keys() - {"secret", "domains"}
    return {"domains": " ".join(row.domains)} | {name: getattr(row, name) for name in names}


def _manager(request: HttpRequest) -> Caller:
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None or not caller.may(Permission.MANAGE_TENANT):
        raise PermissionDenied
    return caller
