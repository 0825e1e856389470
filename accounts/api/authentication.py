"""How Django REST framework learns who calls: from the middleware, and from nobody else.

The OpenAPI description of it is in `conversations.api.schema`; here the import of
drf-spectacular would be a circle, since REST framework loads this class while it starts.
"""

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from accounts.callers import Caller


class CallerAuthentication(SessionAuthentication):
    """Puts the middleware's Caller at `request.user` and at `request.auth`.

    A caller with a browser session has to send the CSRF token for what changes data, as on
    any page: REST framework's views are outside Django's own check.
    """

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None:
            return None
        if caller.api_key_id is None:
            self.enforce_csrf(request)
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
