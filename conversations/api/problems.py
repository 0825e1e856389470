"""Every error of the API as problem details (RFC 9457), made in one place.

An error is an `APIException` with a `default_code`, which has a row in `conversations.api.codes`;
nothing else is needed. What is raised elsewhere becomes one here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.api.problems import MEDIA_TYPE, problem_answer, problem_body
from conversations.api.codes import CODES

__all__ = [
    "MEDIA_TYPE",
    "FieldProblemSerializer",
    "InvalidCursor",
    "ProblemSerializer",
    "bad_request",
    "is_api",
    "not_found",
    "problem",
    "problem_handler",
    "problem_response",
    "refused",
    "server_error",
]

API_ROOT = "/api/"

NO_KEY = (
    "Send an API key of your tenant as `Authorization: Bearer <key>`. "
    "A key that is unknown, expired or revoked counts as none."
)


class InvalidCursor(exceptions.APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "The cursor is none of ours. Start again without one."
    default_code = "invalid_cursor"


class FieldProblemSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(
        help_text="Name of the parameter or field; `a.b` is b in a, `a.0` the first of a. Empty:"
        " it is about the whole."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.URLField(help_text="Leads to the code on the page of codes.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; programs may test for it.")
    detail = serializers.CharField()
    request_id = serializers.CharField(help_text="Finds the request in the log.")
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]


def problem(status_code: int, code: str, detail: str) -> dict[str, Any]:
    code = code.replace("_", "-")
    known = CODES.get(code)
    return problem_body(status_code, code, detail, title=known.title if known else "")


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None (not an API error) becomes `server_error`."""
    error = as_api_exception(exc)
    if error is None:
        return None
    set_rollback()
    body = body_of(error)
    response = Response(body, status=error.status_code, headers=headers_of(error))
    response.content_type = MEDIA_TYPE
    response.problem_code = body["code"]  # type: ignore[attr-defined]
    return response


def as_api_exception(exc: Exception) -> exceptions.APIException | None:
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    return exc if isinstance(exc, exceptions.APIException) else None


def body_of(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return validation_problem(error)
    if isinstance(error, exceptions.NotAuthenticated):
        return problem(error.status_code, "not_authenticated", NO_KEY)
    return problem(error.status_code, str(error.get_codes()), str(error.detail))


def validation_problem(error: exceptions.ValidationError) -> dict[str, Any]:
    body = problem(error.status_code, "invalid_request", "Some parameters are not valid.")
    body["errors"] = [
        {"field": field, "code": str(fault.code).replace("_", "-"), "detail": str(fault)}
        for field, fault in faults_in(error.detail)
    ]
    return body


def faults_in(detail: Any, field: str = "") -> Iterator[tuple[str, exceptions.ErrorDetail]]:
    """The faults of a serializer's errors, however deep they stand, each with its field's path."""
    if isinstance(detail, exceptions.ErrorDetail):
        yield field, detail
        return
    pairs = detail.items() if isinstance(detail, dict) else enumerate(detail)
    for name, inner in pairs:
        # A list of faults is not a list of fields, and what is about the whole has no name.
        is_place = not isinstance(inner, exceptions.ErrorDetail) and name != "non_field_errors"
        yield from faults_in(inner, f"{field}.{name}".lstrip(".") if is_place else field)


def headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if error.status_code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    return headers


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_ROOT)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's `handler404`: a path of the API that does not exist answers as the API does."""
    if not is_api(request):
        return defaults.page_not_found(request, exception)
    return problem_response(404, "not_found", "There is nothing at this address.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's `handler400`."""
    if not is_api(request):
        return defaults.bad_request(request, exception)
    return problem_response(400, "bad_request", "The request could not be read.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's `handler500`."""
    if not is_api(request):
        return defaults.server_error(request)
    return problem_response(500, "server_error", "The fault is ours, and it has been logged.")


def problem_response(status_code: int, code: str, detail: str) -> HttpResponse:
    return problem_answer(problem(status_code, code, detail))


def refused(error: exceptions.APIException) -> HttpResponse:
    """What a middleware answers in the place of a view that raises `error`."""
    response = problem_answer(body_of(error))
    for name, value in headers_of(error).items():
        response[name] = value
    return response
