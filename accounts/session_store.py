"""Browser sessions whose secrets are nowhere but in the browsers.

Whoever knows a session's cookie is that person. Django keeps the cookie's own value as the key of
the session's row, and allauth keeps it once more: a copy of the database would open all sessions.
Here the cookie holds a secret, and everything else knows the session by a digest of it, its name.
Named as SESSION_ENGINE in the settings; `SessionMiddleware` stands where Django's own would.
"""

from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse

# What the columns of Django and allauth have room for; 160 bits of SHA-256.
NAME_CHARS = 40


class SessionName(str):
    """A session's key, in Django's words. It may stand anywhere: it opens nothing.

    `secret` is what the browser's cookie holds, where this process has seen it.
    """

    __slots__ = ("secret",)

    secret: str


def name_of(secret: str) -> SessionName:
    """The name of the session that a cookie with this value opens."""
    name = SessionName(sha256(secret.encode()).hexdigest()[:NAME_CHARS])
    name.secret = secret
    return name


class SessionStore(DatabaseStore):
    """One session, found by its name."""

    @property
    def secret(self) -> str | None:
        """What the browser's cookie has to hold."""
        return getattr(self.session_key, "secret", None)

    def _get_new_session_key(self) -> SessionName:
        return name_of(super()._get_new_session_key())  # type: ignore[misc]

    async def _aget_new_session_key(self) -> SessionName:
        return name_of(await super()._aget_new_session_key())  # type: ignore[misc]


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, which takes a session's name from its secret and tells the browser the secret."""

    def process_request(self, request: HttpRequest) -> None:
        secret = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = self.SessionStore(name_of(secret) if secret else None)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        session: Any = request.session
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:  # an empty one takes the cookie away
            response.cookies[settings.SESSION_COOKIE_NAME] = session.secret
        return response
