"""Django's test client as a browser: its cookie holds the session's secret.

The client writes and reads the session's key there, which is a name and opens nothing.
"""

from typing import Any

from django.conf import settings
from django.test.client import ClientMixin

from accounts.session_store import SessionStore, name_of

_mixin: Any = ClientMixin
_set_login_cookies = _mixin._set_login_cookies  # noqa: SLF001 - there is no other seam


def keep_secrets() -> None:
    """From now on, in this process, all test clients do."""
    _mixin.session = property(session_of)
    _mixin.asession = asession_of
    _mixin._set_login_cookies = set_login_cookies  # noqa: SLF001


def session_of(client: Any) -> SessionStore:
    session = kept(client)
    if session is None:
        session = SessionStore()
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    return session


async def asession_of(client: Any) -> SessionStore:
    session = kept(client)
    if session is None:
        session = SessionStore()
        await session.asave()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    return session


def kept(client: Any) -> SessionStore | None:
    """The session of the client's cookie, which may have ended; None without a cookie."""
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    if cookie is None:
        return None
    return SessionStore(name_of(cookie.value) if cookie.value else None)


def set_login_cookies(client: Any, request: Any) -> None:
    _set_login_cookies(client, request)
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.secret
