"""How Google refuses: the close codes and reasons of its sockets, the bodies of its errors. Pure.

The SDKs, and the programs around them, test for these words. Where ours say more, they follow.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from conversations.states import EndReason

# A close frame has room for 125 bytes, two of them for the code (RFC 6455, section 5.5).
REASON_BYTES: Final = 123

NORMAL: Final = 1000
INVALID: Final = 1007
FORBIDDEN: Final = 1008
TOO_BIG: Final = 1009
FAULT: Final = 1011


class Refusal(Exception):
    """The socket is closed with this. `status`: what HTTP answers for the same."""

    def __init__(self, code: int, reason: str, status: str = "INVALID_ARGUMENT") -> None:
        super().__init__(code)
        self.code = code
        self.text = reason
        self.status = status

    @property
    def reason(self) -> str:
        """What a close frame has room for: Google's own are cut like this."""
        return self.text.encode()[:REASON_BYTES].decode(errors="ignore")


_HTTP: Final = {
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}


def error_body(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the same refusal over HTTP."""
    status = _HTTP[refusal.status]
    error: dict[str, Any] = {
        "code": int(status),
        "message": refusal.text,
        "status": refusal.status,
    }
    if refusal.text == KEY_NOT_VALID:
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }
        ]
    return int(status), {"error": error}


# --- Who calls ------------------------------------------------------------------------

KEY_NOT_VALID: Final = "API key not valid. Please pass a valid API key."


def key_not_valid() -> Refusal:
    return Refusal(INVALID, KEY_NOT_VALID)


def unregistered_caller() -> Refusal:
    return Refusal(
        FORBIDDEN,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
        "PERMISSION_DENIED",
    )


def invalid_credentials() -> Refusal:
    return Refusal(
        FORBIDDEN,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, "
        "login cookie or other valid authentication credential.",
        "UNAUTHENTICATED",
    )


def denied(why: str) -> Refusal:
    return Refusal(FORBIDDEN, f"The caller does not have permission. {why}", "PERMISSION_DENIED")


# --- What is asked for -----------------------------------------------------------------


def invalid_argument(why: str = "") -> Refusal:
    return Refusal(INVALID, f"Request contains an invalid argument. {why}".rstrip())


def invalid_json() -> Refusal:
    return Refusal(INVALID, "Invalid JSON payload received. Unexpected token.")


def unknown_name(name: str, where: str) -> Refusal:
    at = f" at '{where}'" if where else ""
    return Refusal(
        INVALID,
        f'Invalid JSON payload received. Unknown name "{name[:64]}"{at}: Cannot find field.',
    )


def not_the_setup() -> Refusal:
    return Refusal(INVALID, "setup must be the first message and only the first")


def no_setup_in_time() -> Refusal:
    return Refusal(FAULT, "Deadline expired before operation could complete.", "UNAVAILABLE")


def model_not_found(model: str, version: str) -> Refusal:
    return Refusal(
        FORBIDDEN,
        f"{model[:64]} is not found for API version {version}, or is not supported for "
        "bidiGenerateContent. Call ListModels to see the list of available models and their "
        "supported methods.",
        "NOT_FOUND",
    )


def publisher_model_not_found(model: str) -> Refusal:
    return Refusal(
        FORBIDDEN,
        f"Publisher model `{model[:64]}` was not found or your project does not have access to "
        "it. Please ensure you are using a valid model version.",
        "NOT_FOUND",
    )


def modality_not_supported(modality: str) -> Refusal:
    return Refusal(
        INVALID,
        f"The requested combination of response modalities ({modality[:16]}) is not supported by "
        "the model.",
    )


def malformed_handle() -> Refusal:
    return Refusal(INVALID, "Invalid session handle")


def session_not_found() -> Refusal:
    return Refusal(FORBIDDEN, "BidiGenerateContent session not found", "NOT_FOUND")


# --- While it runs --------------------------------------------------------------------------


def too_big() -> Refusal:
    return Refusal(TOO_BIG, "message too big")


def out_of_quota(why: str = "") -> Refusal:
    return Refusal(
        FAULT,
        f"You exceeded your current quota, please check your plan. {why}".rstrip(),
        "RESOURCE_EXHAUSTED",
    )


def token_used_up() -> Refusal:
    return Refusal(FAULT, "Token has been used too many times", "RESOURCE_EXHAUSTED")


def unavailable() -> Refusal:
    return Refusal(FAULT, "The service is currently unavailable.", "UNAVAILABLE")


def aborted(why: str = "") -> Refusal:
    return Refusal(FORBIDDEN, f"The operation was aborted. {why}".rstrip())


_SAYS: Final = {
    EndReason.IDLE_LIMIT: "Nobody has said anything for as long as is allowed here.",
    EndReason.MAX_DURATION: "The conversation has lasted as long as is allowed here.",
    EndReason.TOKEN_EXPIRED: "The token has expired.",
    EndReason.TENANT_SUSPENDED: "The organisation is suspended.",
    EndReason.TENANT_LEAVING: "The organisation is leaving.",
    EndReason.STAFF_ENDED: "The organisation's staff has ended the conversation.",
    EndReason.POLICY_BLOCKED: "The organisation's rules do not allow this.",
    EndReason.OPENED_ELSEWHERE: "The session was resumed on another connection.",
}
_QUOTA: Final = frozenset({EndReason.BUDGET_EXHAUSTED, EndReason.CAPACITY_FULL})


def ended(reason: EndReason) -> Refusal:
    """The conversation is over."""
    if reason == EndReason.USER_LEFT:
        return Refusal(NORMAL, "")
    if reason in _QUOTA:
        return out_of_quota()
    return aborted(_SAYS[reason]) if reason in _SAYS else unavailable()
