"""Every error of the API as problem details (RFC 9457), made in one place.

`code` is the stable word that programs may test for; `title` and `detail` are for people
and may change. The `type` is `about:blank`: the status says what kind of problem it is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

MEDIA_TYPE = "application/problem+json"
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
    field = serializers.CharField(help_text="Name of the parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField(help_text="Always `about:blank`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; programs may test for it.")
    detail = serializers.CharField()
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]


def problem(status_code: int, code: str, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status_code).phrase,
        "status": status_code,
        "code": code.replace("_", "-"),
        "detail": detail,
    }


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None (not an API error) becomes `server_error`."""
    error = as_api_exception(exc)
    if error is None:
        return None
    set_rollback()
    response = Response(body_of(error), status=error.status_code, headers=headers_of(error))
    response.content_type = MEDIA_TYPE
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
    """Only serializers raise it, and they say which field."""
    body = problem(error.status_code, "invalid_request", "Some parameters are not valid.")
    details: dict[str, list[exceptions.ErrorDetail]] = error.detail  # type: ignore[assignment]
    body["errors"] = [
        {"field": field, "code": str(fault.code).replace("_", "-"), "detail": str(fault)}
        for field, faults in details.items()
        for fault in faults
    ]
    return body


def headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if error.status_code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    return headers


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's `handler404`: a path of the API that does not exist answers as the API does."""
    if not request.path.startswith(API_ROOT):
        return defaults.page_not_found(request, exception)
    return problem_response(404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's `handler500`."""
    if not request.path.startswith(API_ROOT):
        return defaults.server_error(request)
    return problem_response(500, "server_error", "The fault is ours, and it has been logged.")


def problem_response(status_code: int, code: str, detail: str) -> HttpResponse:
    body = problem(status_code, code, detail)
    return JsonResponse(body, status=status_code, content_type=MEDIA_TYPE)
