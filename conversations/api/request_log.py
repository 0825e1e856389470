"""Each request of somebody who is known is noted: who, which route, how it went, how long it took.

The row is written when the answer has been sent, so nobody waits for it. Neither the query nor a
word of a body is in it; `accounts.api.keeping` deletes it after API_LOG_DAYS.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone

from accounts.api.models import ApiRequest
from accounts.audit.place import current_place
from accounts.callers import Caller
from accounts.tenancy import tenant_scope
from conversations.api.problems import is_api

log = logging.getLogger(__name__)


class RequestLogMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None or not is_api(request):
            return self._get_response(request)
        began_at, began = timezone.now(), time.perf_counter()
        response = self._get_response(request)
        row = ApiRequest(
            tenant_id=caller.tenant_id,
            request_id=current_place().request_id,
            actor=caller.actor,
            method=(request.method or "")[:8],
            route=route_of(request),
            status=response.status_code,
            code=getattr(response, "problem_code", ""),
            duration_ms=int((time.perf_counter() - began) * 1000),
            at=began_at,
        )
        # Django has no public way to be told when an answer is out that knows which one.
        response._resource_closers.append(partial(keep, row))  # type: ignore[attr-defined]  # noqa: SLF001
        return response


def route_of(request: HttpRequest) -> str:
    try:
        # What a middleware answers has not been resolved.
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return ""
    return (match.url_name or "")[:64]


def keep(row: ApiRequest) -> None:
    """A request that cannot be noted has been answered all the same."""
    try:
        with tenant_scope(row.tenant_id):
            row.save(force_insert=True)
    except DatabaseError as error:
        log.warning("request %s was not noted: %s", row.request_id, type(error).__name__)
