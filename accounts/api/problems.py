"""Problem details (RFC 9457): the one shape in which the API says that something is wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from accounts.api.codes import ADMITTANCE_CODES
from accounts.audit.place import current_place

MEDIA_TYPE = "application/problem+json"
# Where the page of all codes is, which `type` leads to.
ERRORS = "/api/v1/errors/"


def problem_body(status: int, code: str, detail: str, *, title: str = "") -> dict[str, Any]:
    """`code` is for programs and stays; `title` and `detail` are for people and may change."""
    known = ADMITTANCE_CODES.get(code)
    return {
        "type": f"{settings.PUBLIC_URL}{ERRORS}#{code}",
        "title": title or (known.title if known else HTTPStatus(status).phrase),
        "status": int(status),
        "code": code,
        "detail": detail,
        "request_id": current_place().request_id,
    }


def problem_answer(body: dict[str, Any]) -> HttpResponse:
    answer = JsonResponse(body, status=body["status"], content_type=MEDIA_TYPE)
    # For the log of requests.
    answer.problem_code = body["code"]  # type: ignore[attr-defined]
    return answer
