"""How the real server refuses: a close code and a reason of at most 123 bytes.

Texts from section 6.1 of the protocol notes; Google documents no list of them.
"""

MAX_REASON_BYTES = 123  # RFC 6455, section 5.5: 125 bytes of payload, two are the code

INVALID_ARGUMENT = "Request contains an invalid argument."
INTERNAL_ERROR = "Internal error encountered."
SESSION_NOT_FOUND = "BidiGenerateContent session not found"


class Refusal(Exception):
    """The server ends the connection with `code` and `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


def invalid_argument() -> Refusal:
    return Refusal(1007, INVALID_ARGUMENT)


def setup_out_of_place() -> Refusal:
    return Refusal(1007, "setup must be the first message and only the first")


def invalid_payload(detail: str) -> Refusal:
    return Refusal(1007, f"Invalid JSON payload received. {detail}")


def unknown_name(name: str, path: str) -> Refusal:
    at = f" at '{path}'" if path else ""
    return invalid_payload(f'Unknown name "{name}"{at}: Cannot find field.')


def invalid_value(path: str, kind: str) -> Refusal:
    return Refusal(1007, f"Invalid value at '{path}' ({kind})")


def oneof_already_set(name: str) -> Refusal:
    detail = f"oneof field 'message_type' is already set. Cannot set '{name}'"
    return Refusal(1007, f"Invalid value (oneof), {detail}")


def key_not_valid() -> Refusal:
    return Refusal(1007, "API key not valid. Please pass a valid API key.")


def unregistered_caller() -> Refusal:
    return Refusal(
        1008,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def invalid_credentials() -> Refusal:
    return Refusal(
        1008,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, "
        "login cookie or other valid authentication credential.",
    )


def insufficient_scopes() -> Refusal:
    return Refusal(1008, "Request had insufficient authentication scopes.")


def token_used_up() -> Refusal:
    return Refusal(1011, "Token has been used too many times")


def model_not_found(model: str, version: str) -> Refusal:
    return Refusal(
        1008,
        f"{model} is not found for API version {version}, or is not supported for "
        "bidiGenerateContent. Call ListModels to see the list of available models.",
    )


def publisher_model_not_found(model: str) -> Refusal:
    return Refusal(
        1008,
        f"Publisher model `{model}` was not found or your project does not have access to it.",
    )


def text_not_supported() -> Refusal:
    return Refusal(
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model.",
    )


def no_voices_without_audio() -> Refusal:
    return Refusal(1007, "Cannot extract voices from a non-audio request")


def malformed_handle() -> Refusal:
    return Refusal(1007, "Invalid session handle")


def session_not_found() -> Refusal:
    return Refusal(1008, SESSION_NOT_FOUND)


def quota_exceeded() -> Refusal:
    return Refusal(
        1011,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
    )


def operation_not_implemented() -> Refusal:
    return Refusal(1008, "Operation is not implemented, or supported, or enabled.")


def entity_not_found() -> Refusal:
    return Refusal(1008, "Requested entity was not found.")


def internal_error() -> Refusal:
    return Refusal(1011, INTERNAL_ERROR)


def overstayed() -> Refusal:
    return Refusal(
        1008,
        "Connection aborted because the client failed to close the connection after "
        "receiving a GoAway signal once the session duration was exceeded.",
    )
