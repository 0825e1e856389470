"""How people sign in: what we ask of django-allauth beyond its own ways."""

import base64
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import default_token_generator
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.audit import place
from accounts.keyset import Binding, seal, unseal
from accounts.models import User

# Second factors belong to people, not to tenants: they are sealed for this one place.
_NOBODYS = UUID(int=0)
SECOND_FACTOR = Binding(_NOBODYS, _NOBODYS, "second-factor.secret")

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


# How allauth's record of a sign-in calls the one by a tenant's identity provider.
SIGN_ON = "single-sign-on"
# Where a session, and its row, keep the tenant whose provider has let the person in.
SIGNED_ON_AT = "signed_on_at"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by herself, and links name the public address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address and the password do not go together. "
        "Try again.",
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a minute, then try again.",
        "incorrect_code": "This code is not right, or no longer. Enter the newest one.",
        "incorrect_password": "This is not your password. Try again.",
        "enter_current_password": "This is not your current password. Try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        tenant_id = way_in(request, user)
        request.session.pop(SIGNED_ON_AT, None)
        if tenant_id is not None:
            request.session[SIGNED_ON_AT] = str(tenant_id)

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **details)
        tenant_id = signed_on_at(request.session)
        rows = UserSession.objects.filter(session_key=request.session.session_key)
        rows.update(data={SIGNED_ON_AT: str(tenant_id)} if tenant_id else {})
        return answer

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Who has logged in just now is not asked again."""
        return super().is_reauthentication_required(app=app) and not _has_just_signed_in()

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _link("password-link", key)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals the secrets of authenticator apps and recovery codes with the keyset."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        count: int = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), SECOND_FACTOR)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text), SECOND_FACTOR).decode()


def _has_just_signed_in() -> bool:
    records = get_authentication_records(context.request, context.request.user)
    limit: int = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return bool(records) and time.time() - records[-1]["at"] < limit


def signed_on_at(session: SessionBase | Mapping[str, Any]) -> UUID | None:
    """The tenant whose identity provider let the session's person in. The session counts for
    this tenant alone: what its provider says must not open another one. None for a session
    that was opened with the person's own password or passkey."""
    tenant_id = session.get(SIGNED_ON_AT)
    return UUID(tenant_id) if tenant_id else None


def way_in(request: HttpRequest, user: User) -> UUID | None:
    """The tenant whose identity provider a person who logs in has just come by; None for her own
    password or passkey. A second factor may lie in between, so allauth's records decide."""
    if getattr(request, "session", None) is None:
        return None
    first = [
        each
        for each in get_authentication_records(request, user)
        if each["method"] != "mfa" or each.get("passwordless")
    ]
    came_so = bool(first) and first[-1]["method"] == SIGN_ON
    return UUID(first[-1]["tenant"]) if came_so else None


def has_second_factor(user: User) -> bool:
    """Whether signing in takes more than the password. Recovery codes alone do not count."""
    return bool(with_second_factor([user.pk]))


def with_second_factor(user_ids: Iterable[UUID | None]) -> set[UUID]:
    """Those of the people who have a second factor."""
    rows = Authenticator.objects.filter(user_id__in=user_ids, type__in=SECOND_FACTORS)
    return set(rows.values_list("user_id", flat=True))


def password_link(user: User) -> str:
    """A link that sets a new password, once. Whoever has it can become `user`."""
    return _link("password-link", f"{user_pk_to_url_str(user)}-{make_token(user)}")


def make_token(user: User) -> str:
    token: str = default_token_generator.make_token(user)
    return token


def _link(name: str, key: str) -> str:
    """The secret stands in the query, which no log keeps, and not in the path."""
    return f"{settings.PUBLIC_URL}{reverse(name)}?{urlencode({'key': key})}"


def user_of(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied when nobody is."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def next_page(request: HttpRequest) -> str:
    """Where the form that was sent leads: an address of ours, otherwise the lobby."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else resolve_url("lobby")


def client_address(request: HttpRequest) -> str:
    """The address that a request comes from, as `accounts.audit.place` finds it."""
    peer, forwarded = request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For")
    return place.client_address(peer, forwarded or "") or "0.0.0.0"  # noqa: S104 - no bind


def forget_other_addresses(user: User) -> None:
    """allauth keeps addresses of its own: an address that was replaced opens nothing any more."""
    EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()


def hide_from_admin() -> None:
    """These rows are for their owners' pages, not for a list of everybody's."""
    models: tuple[Any, ...] = (EmailAddress, Authenticator, UserSession)
    for model in models:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
