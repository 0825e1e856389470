"""How Google's REST side refuses: a status, a message, a status name, sometimes a reason."""

from typing import Any

import msgspec

from live.simulator.closes import (
    Refusal,
    insufficient_scopes,
    invalid_credentials,
    key_not_valid,
    unregistered_caller,
)
from live.simulator.front import HttpResponse


class RestError(Exception):
    """A request is answered with `status`, `message` and the name of a gRPC code.

    `reason` is that of a google.rpc.ErrorInfo, "" when there is none.
    """

    def __init__(self, status: int, message: str, name: str, reason: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.message = message
        self.name = name
        self.reason = reason

    def response(self) -> HttpResponse:
        error: dict[str, Any] = {"code": self.status, "message": self.message, "status": self.name}
        if self.reason:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            detail = {"@type": kind, "reason": self.reason, "domain": "googleapis.com"}
            error["details"] = [detail]
        return HttpResponse(self.status, msgspec.json.encode({"error": error}))


def invalid_request(message: str) -> RestError:
    return RestError(400, message, "INVALID_ARGUMENT")


def not_found(message: str = "Requested entity was not found.") -> RestError:
    return RestError(404, message, "NOT_FOUND")


def method_not_allowed() -> RestError:
    return RestError(405, "Method not allowed.", "INVALID_ARGUMENT")


def failed_precondition() -> RestError:
    return RestError(400, "Precondition check failed.", "FAILED_PRECONDITION")


def keys_not_supported() -> RestError:
    return RestError(
        401,
        "API keys are not supported by this API. Expected OAuth2 access token or other "
        "authentication credentials that assert a principal.",
        "UNAUTHENTICATED",
        "CREDENTIALS_MISSING",
    )


def api_disabled(api: str, project: str) -> RestError:
    """What the front end says where nobody has enabled the API in the project."""
    return RestError(
        403,
        f"{api} has not been used in project {project} before or it is disabled. Enable it, then "
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate "
        "to our systems and retry.",
        "PERMISSION_DENIED",
        "SERVICE_DISABLED",
    )


# What Google's front end says before there is a socket, by status.
_FRONT_END = {
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


def front_end_refusal(status: int) -> RestError:
    """Return the refusal of a handshake with a status."""
    name, message = _FRONT_END.get(status, ("UNKNOWN", "Unknown error."))
    return RestError(status, message, name)


# The credential refusals of the socket, as the REST side words them (section 6.1 of the notes).
_STATUSES = {
    key_not_valid().reason: (400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
    unregistered_caller().reason: (403, "PERMISSION_DENIED", ""),
    invalid_credentials().reason: (401, "UNAUTHENTICATED", ""),
    insufficient_scopes().reason: (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
}


def rest_error_of(refusal: Refusal) -> RestError:
    """Return what the REST side answers where the socket would close with `refusal`."""
    status, name, reason = _STATUSES.get(refusal.reason, (400, "INVALID_ARGUMENT", ""))
    return RestError(status, refusal.reason, name, reason)
