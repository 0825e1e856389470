"""Who comes and goes, and what people change of how they sign in, by the signals of Django and
django-allauth.

A person's entry stands in the chain of each tenant that she is an active member of, because
each of them answers for who came in; for one without a tenant, such as an operator, in the
platform's.

**A refused sign-in does not keep what was typed.** People type their password into the field
for the address, and what is appended here is never deleted. If the address is somebody's, the
entry names that account. Otherwise it holds a keyed hash, which tells many attempts with one
address from attempts with many, and says nothing else.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import Signal, receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.audit.entries import ANONYMOUS, record
from accounts.audit.place import NOWHERE, at_place, current_place, place_of_request
from accounts.models import Membership, User, UserManager
from accounts.sign_in import SIGN_ON, way_in
from accounts.tenancy import platform_scope, tenant_scope

ACTIONS: dict[Signal, str] = {
    password_changed: "user.password-changed",
    password_set: "user.password-set",
    password_reset: "user.password-reset",
    authenticator_added: "user.second-factor-added",
    authenticator_removed: "user.second-factor-removed",
    authenticator_reset: "user.second-factor-renewed",
    authentication_failed: "user.second-factor-refused",
}


@receiver([*ACTIONS], dispatch_uid="audit own account")
def _own_account(
    signal: Signal,
    request: HttpRequest | None,
    user: User,
    authenticator: Any = None,
    **_: Any,
) -> None:
    after = {"kind": str(authenticator.type)} if authenticator else None
    with _place(request):
        _record(ACTIONS[signal], user, actor=f"user:{user.pk}", after=after)


@receiver(user_logged_in, dispatch_uid="audit sign-in")
def _signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    tenant_id = way_in(request, user) if request is not None else None
    with _place(request):
        if tenant_id is None:
            _record("user.signed-in", user, actor=f"user:{user.pk}")
        else:
            _record_signed_on(tenant_id, user)


def _record_signed_on(tenant_id: UUID, user: User) -> None:
    """The session counts in one tenant, and so does the entry."""
    with platform_scope("audit who signs in"), tenant_scope(tenant_id):
        after = {"by": SIGN_ON}
        record("user.signed-in", user, actor=f"user:{user.pk}", after=after)


def refused_sign_on(tenant_id: UUID, reason: str) -> None:
    """Note that somebody came back from the tenant's identity provider and was not let in."""
    with platform_scope("audit who signs in"), tenant_scope(tenant_id):
        record("user.sign-in-refused", actor=ANONYMOUS, after={"by": SIGN_ON, "reason": reason})


@receiver(user_logged_out, dispatch_uid="audit sign-out")
def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if isinstance(user, User):
        with _place(request):
            _record("user.signed-out", user, actor=f"user:{user.pk}")


@receiver(user_login_failed, dispatch_uid="audit refused sign-in")
def _refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    typed = str(credentials.get("email") or credentials.get("username") or "")
    user = User.objects.filter(email=UserManager.normalize_email(typed)).first()
    after = None if user else {"unknown_account": fingerprint(typed)}
    with _place(request):
        _record("user.sign-in-refused", user, actor=ANONYMOUS, after=after)


def fingerprint(typed: str) -> str:
    """What stands for an address that is nobody's: 16 hexadecimal digits."""
    normal = UserManager.normalize_email(typed)
    return salted_hmac("accounts.audit.sign_ins", normal, algorithm="sha256").hexdigest()[:16]


def _record(
    action: str, user: User | None, *, actor: str, after: dict[str, Any] | None = None
) -> None:
    with platform_scope("audit who signs in"), transaction.atomic():
        # Asked for nobody too: the time it takes must not tell who has an account.
        memberships = Membership.objects.filter(
            user=user.pk if user else None, state=Membership.State.ACTIVE
        )
        tenant_ids: list[UUID] = list(memberships.values_list("tenant_id", flat=True))
        for tenant_id in tenant_ids:
            with tenant_scope(tenant_id):
                record(action, user, actor=actor, after=after)
        if not tenant_ids:
            record(action, user, actor=actor, after=after)


def _place(request: HttpRequest | None) -> AbstractContextManager[None]:
    """The middleware has set the place, unless the sign-in happens outside of it."""
    if request is None or current_place() is not NOWHERE:
        return nullcontext()
    return at_place(place_of_request(request))
