"""How much a request to the API may send: it is read whole, once, and no further than this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase

from conversations.api.problems import is_api, problem_response

CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class BodyMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request) and request.method in CHANGING:
            try:
                _ = request.body  # it is kept there: REST framework reads it from there
            except RequestDataTooBig:
                return problem_response(413, "body_too_large", "Send less at once.")
        return self._get_response(request)
