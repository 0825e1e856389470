import json

import pytest

from live.simulator.closes import (
    Refusal,
    insufficient_scopes,
    invalid_credentials,
    invalid_payload,
    key_not_valid,
    unregistered_caller,
)
from live.simulator.rest_errors import RestError, front_end_refusal, rest_error_of


def test_an_error_as_google_writes_it() -> None:
    response = RestError(400, "No.", "INVALID_ARGUMENT", "API_KEY_INVALID").response()
    assert response.status == 400
    assert json.loads(response.body) == {
        "error": {
            "code": 400,
            "message": "No.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                }
            ],
        }
    }


def test_without_a_reason_there_are_no_details() -> None:
    body = json.loads(RestError(404, "Gone.", "NOT_FOUND").response().body)
    assert body == {"error": {"code": 404, "message": "Gone.", "status": "NOT_FOUND"}}


@pytest.mark.parametrize(
    ("refusal", "status", "name", "reason"),
    [
        (key_not_valid(), 400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
        (unregistered_caller(), 403, "PERMISSION_DENIED", ""),
        (invalid_credentials(), 401, "UNAUTHENTICATED", ""),
        (insufficient_scopes(), 403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        (invalid_payload("x"), 400, "INVALID_ARGUMENT", ""),
    ],
)
def test_what_closes_a_socket_has_a_status_here(
    refusal: Refusal, status: int, name: str, reason: str
) -> None:
    error = rest_error_of(refusal)
    assert (error.status, error.name, error.reason) == (status, name, reason)
    assert error.message == refusal.reason


def test_what_the_front_end_says() -> None:
    error = front_end_refusal(429)
    assert (error.status, error.name) == (429, "RESOURCE_EXHAUSTED")
    assert (front_end_refusal(418).status, front_end_refusal(418).name) == (418, "UNKNOWN")
