"""A person's browser sessions: which there are, and ending them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.account.signals import (
    password_changed,
    password_reset,
    password_set,
)
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from accounts.sign_in import SIGNED_ON_AT
from accounts.signals import AccessEnded, end_access

# "Last seen" is not written more often.
SEEN_EVERY = timedelta(minutes=1)

# What a user agent names itself with, the more particular first.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """A user agent as a person knows it, such as "Firefox on Windows"."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "A browser")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]
    """Tells that sessions ended, when allauth's own page ends them."""

    def end_sessions(self, sessions: list[UserSession]) -> None:
        super().end_sessions(sessions)
        for user_id in {session.user_id for session in sessions}:
            end_access(AccessEnded(user_id=user_id))


class LastSeenMiddleware:
    """Notes when a session was last used, at most once a minute: in between no request writes,
    or reads more than the cache."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and request.user.is_authenticated:
            note_seen(key)
        return self._get_response(request)


def note_seen(session_key: str) -> bool:
    """Note that a session is in use. False if that was noted within the last minute."""
    # The key itself opens the session, so it stands in no cache.
    name = salted_hmac("accounts.sessions.seen", session_key, algorithm="sha256").hexdigest()
    if not cache.add(f"seen:{name}", 1, SEEN_EVERY.total_seconds()):
        return False
    now = timezone.now()
    rows = UserSession.objects.filter(session_key=session_key, last_seen_at__lt=now - SEEN_EVERY)
    return bool(rows.update(last_seen_at=now))


def sessions_signed_on_at(tenant_id: UUID) -> list[UserSession]:
    """Everybody's sessions that the tenant's identity provider let in."""
    return list(UserSession.objects.filter(**{f"data__{SIGNED_ON_AT}": str(tenant_id)}))


def end_sessions(user: User, *, but: str | None = None, only: str | None = None) -> int:
    """End the person's sessions: all, all except the key `but`, or just the one with the key
    `only`. Returns how many ended."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    ended = list(rows if only is None else rows.filter(session_key=only))
    SessionsAdapter().end_sessions(ended)
    return len(ended)


@receiver([password_changed, password_set, password_reset])
def _password_replaced(user: User, request: HttpRequest, **_: Any) -> None:
    """Whoever knew the old password is signed out everywhere."""
    end_sessions(user, but=request.session.session_key)
