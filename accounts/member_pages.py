"""The members of a tenant, for its owners and admins, and the page that an invitation opens."""

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import invitations
from accounts.audit import record
from accounts.callers import ACTIVE_TENANT, Caller
from accounts.confirmation import ask, effects_on, log_in_again, name_of
from accounts.members import (
    MemberRefused,
    change_role,
    check_may_give,
    check_may_leave,
    members,
    set_state,
)
from accounts.models import Invitation, Membership, Tenant, User
from accounts.roles import Permission, Role
from accounts.sign_in import user_of, with_second_factor

# Where the session keeps the token of an invitation while its person signs in.
INVITATION = "invitation"


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail", max_length=254)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class JoinForm(forms.Form):
    name = forms.CharField(max_length=150)
    password = forms.CharField(widget=forms.PasswordInput, strip=False)

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self._email, name=self.data.get("name", "")))
        return password


# --- the list ----------------------------------------------------------------------------


@never_cache
@login_required
@require_safe
def list_members(request: HttpRequest) -> HttpResponse:
    return _members_page(request, _manager(request), InviteForm())


@never_cache
@login_required
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """Invite a person. Without a mail server the answer shows the link: it is kept nowhere,
    so there is no redirect that could show it again."""
    caller = _manager(request)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _members_page(request, caller, form)
    role, inviter = Role(form.cleaned_data["role"]), user_of(request)
    try:
        check_may_give(role, caller)
        invitation, link = invitations.invite(
            _tenant(caller),
            form.cleaned_data["email"],
            role,
            actor=caller.actor,
            created_by=inviter,
        )
    except MemberRefused as error:
        form.add_error("role", str(error))
        return _members_page(request, caller, form)
    except invitations.AlreadyMember:
        form.add_error("email", "This person is a member already. Change their role below.")
        return _members_page(request, caller, form)
    if invitations.send(invitation, link, inviter.get_full_name()):
        messages.success(request, f"An invitation was sent to {invitation.email}.")
        return redirect("members")
    return _members_page(request, caller, InviteForm(), made=invitation, link=link)


@login_required
@require_POST
def revoke_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    caller = _manager(request)
    try:
        invitations.revoke(invitation_id, actor=caller.actor)
    except Invitation.DoesNotExist:
        raise Http404 from None
    return redirect("members")


@login_required
@require_POST
def change_member(request: HttpRequest, membership_id: UUID) -> HttpResponse:
    """Give a member the role, or the state, that the form names."""
    caller = _manager(request)
    role, state = request.POST.get("role", ""), request.POST.get("state", "")
    try:
        if role in Role.values:
            change_role(membership_id, Role(role), caller)
        elif state in Membership.State.values:
            if state == Membership.State.DISABLED:
                asked = _ask_to_disable(request, membership_id, caller)
                if asked is not None:
                    return asked
            set_state(membership_id, Membership.State(state), caller)
    except Membership.DoesNotExist:
        raise Http404 from None
    except MemberRefused as error:
        messages.error(request, str(error))
    return redirect("members")


def _ask_to_disable(
    request: HttpRequest, membership_id: UUID, caller: Caller
) -> HttpResponse | None:
    """The question; None once it was answered. Raises as `set_state` does."""
    membership = members().get(pk=membership_id)
    check_may_leave(membership, caller)
    if again := log_in_again(request, reverse("members")):
        return again
    effects = [*effects_on([membership]), "Past conversations stay. You can let them in again."]
    title = f"Disable {membership.user.get_full_name()}?"
    question = ask(request, title, effects, word=name_of(membership))
    context = {"question": question, "fields": {"state": Membership.State.DISABLED}}
    return render(request, "accounts/confirm_act.html", context) if question else None


@login_required
@require_POST
def require_second_factor(request: HttpRequest) -> HttpResponse:
    """Ask every member for a second factor, or ask no more."""
    caller = _manager(request)
    tenant, wanted = _tenant(caller), request.POST.get("required") == "yes"
    if tenant.requires_mfa != wanted:
        tenant.requires_mfa = wanted
        tenant.save(update_fields=["requires_mfa"])
        record(
            "tenant.changed",
            tenant,
            actor=caller.actor,
            before={"requires_mfa": not wanted},
            after={"requires_mfa": wanted},
        )
    return redirect("members")


def _members_page(
    request: HttpRequest, caller: Caller, form: InviteForm, **shown: Any
) -> HttpResponse:
    """`shown` may hold the `link` of the invitation `made` just now."""
    rows = list(members())
    protected = with_second_factor([row.user_id for row in rows])
    grants_owners = caller.may(Permission.MANAGE_OWNERS)
    for row in rows:
        row.is_protected = row.user_id in protected  # type: ignore[attr-defined]
        row.is_self = row.user_id == caller.user_id  # type: ignore[attr-defined]
        row.is_fixed = row.role == Role.OWNER and not grants_owners  # type: ignore[attr-defined]
    active = [row for row in rows if row.state == Membership.State.ACTIVE]
    context = {
        "members": rows,
        "unprotected": sum(row.user_id not in protected for row in active),
        "invitations": list(invitations.open_invitations()),
        "form": form,
        "roles": [role for role in Role if role != Role.OWNER or grants_owners],
        **shown,
    }
    return render(request, "accounts/members.html", context)


# --- an invitation -----------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("password")
def invitation(request: HttpRequest) -> HttpResponse:
    """Where an invitation's link leads. The token moves from the address into the session."""
    if invitations.is_token(request.GET.get("key", "")):
        request.session[INVITATION] = request.GET["key"]
        return redirect("invitation")
    found = invitations.find_invitation(request.session.get(INVITATION, ""))
    if found is None:
        return render(request, "accounts/invitation_closed.html", status=404)
    invited = User.objects.filter(email=found.email).first()
    if request.user.is_authenticated:
        return _join_signed_in(request, found)
    if invited is not None:
        return render(request, "accounts/invitation.html", {"invitation": found, "ask": "sign-in"})
    return _join_as_new(request, found)


def _join_signed_in(request: HttpRequest, found: Invitation) -> HttpResponse:
    user = user_of(request)
    if user.email != found.email:
        return render(request, "accounts/invitation.html", {"invitation": found, "ask": "leave"})
    if request.method != "POST":
        return render(request, "accounts/invitation.html", {"invitation": found, "ask": "join"})
    try:
        invitations.accept(found, user)
    except invitations.NotOpen:
        return render(request, "accounts/invitation_closed.html", status=404)
    return _work_there(request, found, redirect("lobby"))


def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = JoinForm(found.email, request.POST or None)
    if not form.is_valid():
        context = {"invitation": found, "ask": "account", "form": form}
        return render(request, "accounts/invitation.html", context)
    try:
        user = invitations.join_as_new_user(
            found, form.cleaned_data["name"], form.cleaned_data["password"]
        )
    except invitations.NotOpen:
        return render(request, "accounts/invitation_closed.html", status=404)
    record_authentication(request, user, method="password", email=user.email)
    answer: HttpResponse = perform_login(request, Login(user=user, email=user.email))
    return _work_there(request, found, answer)


def _work_there(request: HttpRequest, found: Invitation, answer: HttpResponse) -> HttpResponse:
    request.session.pop(INVITATION, None)
    request.session[ACTIVE_TENANT] = str(found.tenant_id)
    return answer


# --- who asks ----------------------------------------------------------------------------


def _manager(request: HttpRequest) -> Caller:
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None or not caller.may(Permission.MANAGE_MEMBERS):
        raise PermissionDenied
    return caller


def _tenant(caller: Caller) -> Tenant:
    return Tenant.objects.get(pk=caller.tenant_id)
