"""A person's browser sessions: which there are, and ending them."""

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.signals import AccessEnded, end_access

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
