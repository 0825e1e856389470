"""Reads that cost nothing when nothing has changed, and changes of what was really read.

Every answer to a GET has an ETag, made of what it says; `If-None-Match` with that is answered 304.
A view that changes one thing derives from `IfMatch` as well: then `If-Match` with that ETag makes
sure that nobody has changed it in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework import exceptions, status
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer

from conversations.api.bodies import CHANGING
from conversations.api.problems import is_api

if TYPE_CHECKING:  # REST framework's own class takes no type arguments when it runs
    ViewBase = GenericAPIView[Any]
else:
    ViewBase = object

# What a 304 says as well.
KEPT: Final = ("ETag", "Cache-Control", "Vary", "Content-Location", "Expires")


class PreconditionFailed(exceptions.APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "It has changed since you read it. Get it again, and change that."
    default_code = "precondition_failed"


def etag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def matches(etag: str, header: str) -> bool:
    """Whether a condition names this ETag. Weak ones count as strong: what says the same here is
    the same to the byte."""
    named = parse_etags(header.strip())
    return named == ["*"] or etag in {each.removeprefix("W/") for each in named}


class EtagMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if not is_api(request):
            return response
        if "Cache-Control" not in response:
            # For whoever asked, and only after asking whether it is still so.
            safe = request.method in {"GET", "HEAD"}
            response["Cache-Control"] = "private, no-cache" if safe else "no-store"
        patch_vary_headers(response, ("Authorization", "Cookie"))
        if request.method == "GET" and isinstance(response, HttpResponse):
            return conditional(request, response)
        return response


def conditional(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with its ETag, or 304 when the caller has it already."""
    if response.status_code != status.HTTP_200_OK:
        return response
    if "ETag" not in response:
        response["ETag"] = etag_of(response.content)
    if not matches(response["ETag"], request.headers.get("If-None-Match", "")):
        return response
    short = HttpResponseNotModified()
    for name in KEPT:
        if name in response:
            short[name] = response[name]
    return short


class IfMatch(ViewBase):
    """For a view of one thing, before the generic view in its bases. PUT, PATCH and DELETE with
    `If-Match` are answered 412 unless it names the ETag that a GET would have, and the row is held
    from that look until the change.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in CHANGING or "If-Match" not in request.headers:
            return super().dispatch(request, *args, **kwargs)
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code >= status.HTTP_400_BAD_REQUEST:
                transaction.set_rollback(True)
            return response

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        holds = self.request.method in CHANGING and "If-Match" in self.request.headers
        return rows.select_for_update(of=("self",)) if holds else rows

    def get_object(self) -> Any:
        found = super().get_object()
        wanted = self.request.headers.get("If-Match")
        if wanted is not None and self.request.method in CHANGING:
            etag = etag_of(JSONRenderer().render(self.representation(found)))
            if not matches(etag, wanted):
                raise PreconditionFailed
        return found

    def representation(self, found: Any) -> Any:
        """What a GET says of it."""
        return self.get_serializer(found).data
