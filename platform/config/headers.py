"""Headers that every page of Parley carries and no library of its stack knows."""

from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

# Pages of our own may ask for what a conversation needs; what they embed may not, and nobody the
# rest. A browser complains of names it does not know: only those that all of them do.
PERMISSIONS_POLICY: Final = (
    "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()"
)


class PermissionsPolicyMiddleware(MiddlewareMixin):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response
