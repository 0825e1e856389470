"""Everything that can go wrong between us and the Gemini Live API.

The tree is cut by who can act::

    LiveError
    ├── CallerError           our own call or the agent's settings: change them
    │   ├── ProtocolMisuse    a call that the session's state does not allow
    │   └── InvalidRequest    the service refused a message or an option
    ├── CredentialError       key, token or service account: the tenant's administrators
    ├── QuotaError            rate, concurrency or spend: wait, or ask for more
    ├── ModelError            model, voice, modality or region: choose another
    ├── ProviderError         the service failed or broke its own protocol
    │   ├── ProtocolError     a message that is not what the protocol says
    │   └── ResumptionError   the handle is unknown: start a fresh session
    └── NetworkError          DNS, TCP, TLS, time-outs, a connection that just went away

An error carries a `Diagnosis` (what it means and what to do) and what the other end said. Its
text holds no secret and no spoken word: whatever the service sends back is scrubbed first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = [
    "CallerError",
    "CredentialError",
    "Diagnosis",
    "InvalidRequest",
    "LiveError",
    "ModelError",
    "NetworkError",
    "ProtocolError",
    "ProtocolMisuse",
    "ProviderError",
    "QuotaError",
    "ResumptionError",
    "error_from_close",
    "error_from_handshake",
    "scrub",
]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an error means.

    `code` is a stable slug that programs may compare. `permanent` says that the same call cannot
    succeed before something is changed. `retry_after` is in seconds; `None` means that nobody
    knows a good moment, or that waiting does not help.
    """

    code: str
    summary: str
    fix: str
    permanent: bool = True
    retry_after: float | None = None


class LiveError(Exception):
    """Base of every error of this library.

    `status` is what the other end answered: an HTTP status (below 600), a WebSocket close code
    (1000 and above, RFC 6455 section 7.4), or `None`. `reason` is its text, scrubbed.
    """

    def __init__(
        self,
        diagnosis: Diagnosis,
        status: int | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(diagnosis, status, reason)
        self.diagnosis = diagnosis
        self.status = status
        self.reason = scrub(reason)
        self.args = (diagnosis, status, self.reason)

    @property
    def code(self) -> str:
        """A stable slug that programs may compare."""
        return self.diagnosis.code

    @property
    def fix(self) -> str:
        """What to do about it, for people."""
        return self.diagnosis.fix

    @property
    def permanent(self) -> bool:
        """Whether the same call cannot succeed before something is changed."""
        return self.diagnosis.permanent

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before another try."""
        return self.diagnosis.retry_after

    def __str__(self) -> str:
        said = ": ".join(filter(None, (str(self.status or ""), self.reason)))
        return " ".join(filter(None, (self.diagnosis.summary, said and f"({said})", self.fix)))


class CallerError(LiveError):
    """Our own call, or the agent's settings, cannot work."""


class ProtocolMisuse(CallerError):
    """A call that the session's present state does not allow."""


class InvalidRequest(CallerError):
    """The service refused a message, or an option of the setup."""


class CredentialError(LiveError):
    """The key, token or service account is not accepted, or cannot be turned into a token."""


class QuotaError(LiveError):
    """A limit of the account is reached."""


class ModelError(LiveError):
    """The model does not exist there, or does not do what is asked of it."""


class ProviderError(LiveError):
    """The service failed."""


class ProtocolError(ProviderError):
    """The service sent something that the protocol does not allow."""


class ResumptionError(ProviderError):
    """The resumption handle names no session any more."""


class NetworkError(LiveError):
    """The connection could not be made, or went away."""


_SECRETS = re.compile(
    r"AIza[\w-]+|ya29\.[\w.-]+|AQ\.[\w.-]+|auth_tokens/[\w.-]+|eyJ[\w-]+\.[\w.-]+"
    r"|(?<=Bearer )\S+|(?<=Token )[\w-]*/\S+|(?<=key=)[^\s&]+|(?<=access_token=)[^\s&]+",
)
# A protobuf JSON error quotes the value it did not like. The name of a field is worth keeping.
_QUOTED = re.compile(r'(Unknown name "[^"]*")|"[^"]*(?:"|$)')
_REASON_LIMIT = 123  # characters; a close frame holds as many bytes (RFC 6455 section 5.5)


def scrub(text: str) -> str:
    """Text from the other end, without anything that looks like a secret or a quoted value."""
    text = _SECRETS.sub("…", text)
    text = _QUOTED.sub(lambda found: found[1] or '"…"', text)
    return "".join(c if c.isprintable() else " " for c in text[:_REASON_LIMIT]).strip()


def _waiting(code: str, summary: str, fix: str, retry_after: float) -> Diagnosis:
    return Diagnosis(code, summary, fix, permanent=False, retry_after=retry_after)


_NEW_KEY = "Create a key in Google AI Studio and store it in the credential."
_RESUME = "Resume the session, or start a new one."
_AUDIO_ONLY = "Use AUDIO with output transcription."
_OTHER_TOOLS = "Check the agent's tools against the model."
_OTHER_ENDPOINT = "Use the endpoint that the credential is meant for."

_Row = tuple[int, str, type[LiveError], Diagnosis]

# The Live API reports nearly every fault as a close code and a reason of at most 123 bytes. The
# texts are not documented; these are the ones that public issue reports show. The first row
# whose code fits and whose words occur in the reason is taken, so the general rows come last.
# fmt: off
_CLOSES: tuple[_Row, ...] = (
    (1007, "API key expired", CredentialError, Diagnosis(
        "api_key_expired", "The API key has expired.", _NEW_KEY)),
    (1007, "API key not", CredentialError, Diagnosis(
        "api_key_invalid", "The API key is not valid.", _NEW_KEY)),
    (1007, "Invalid session handle", ResumptionError, Diagnosis(
        "handle_invalid", "The resumption handle is malformed.", "Start a new session.")),
    (1007, "response modalities", ModelError, Diagnosis(
        "modality_unsupported", "The model does not answer in this modality.", _AUDIO_ONLY)),
    (1007, "Cannot extract voices", ModelError, Diagnosis(
        "modality_unsupported", "The model answers in audio only.", _AUDIO_ONLY)),
    (1007, "User location", ModelError, Diagnosis(
        "location_unsupported", "The Developer API is not offered where this server stands.",
        "Use Vertex AI in a region that has the model.")),
    (1007, "setup must be", ProtocolMisuse, Diagnosis(
        "setup_order", "The setup was not the first message, or was sent twice.",
        "Report this as a fault of the client.")),
    (1007, "Unknown name", InvalidRequest, Diagnosis(
        "unknown_field", "The service does not know a field of the message.",
        "Remove the option from the agent, or use the endpoint that has it.")),
    (1007, "", InvalidRequest, Diagnosis(
        "invalid_argument", "The service refused a message.",
        "Check the agent's model, tools and options.")),
    (1008, "session not found", ResumptionError, Diagnosis(
        "session_not_found", "The session is gone.", "Start a new session.")),
    (1008, "is not supported for bidi", ModelError, Diagnosis(
        "model_not_found", "The model is no Live model in this version of the API.",
        "Choose a Live model that the endpoint lists.")),
    (1008, "Publisher model", ModelError, Diagnosis(
        "model_not_found", "Vertex AI does not have the model in this location.",
        "Choose a model and a location that go together.")),
    (1008, "models/", ModelError, Diagnosis(
        "model_not_found", "The model does not exist in this version of the API.",
        "Choose a Live model that the endpoint lists.")),
    (1008, "unregistered callers", CredentialError, Diagnosis(
        "credential_missing", "The service saw no credential.",
        "Check the kind of the credential against the endpoint.")),
    (1008, "authentication scopes", CredentialError, Diagnosis(
        "scope_insufficient", "The token lacks a scope.", _OTHER_ENDPOINT)),
    (1008, "authentication credentials", CredentialError, Diagnosis(
        "token_invalid", "The token is not valid.",
        "Check that the service account is enabled and may use the API.")),
    (1008, "GoAway", ProviderError, _waiting(
        "go_away_overstayed", "The connection stayed open after its time was up.", _RESUME, 1.0)),
    (1008, "operation was aborted", ProviderError, _waiting(
        "aborted", "The service ended the connection.", _RESUME, 1.0)),
    (1008, "Requested entity was not found", ModelError, Diagnosis(
        "feature_unsupported", "The model does not do what was asked of it.", _OTHER_TOOLS)),
    (1008, "not implemented", ModelError, Diagnosis(
        "feature_unsupported", "The model does not do what was asked of it.", _OTHER_TOOLS)),
    (1008, "", InvalidRequest, Diagnosis(
        "refused", "The service refused the session.",
        "Check the agent's settings and the credential.")),
    (1009, "", InvalidRequest, Diagnosis(
        "message_too_big", "A message was too big for the service.", "Send smaller messages.")),
    (1011, "quota", QuotaError, _waiting(
        "quota_exceeded", "The account's quota is used up.",
        "Wait, close other sessions, or raise the quota of the project.", 60.0)),
    (1011, "Token has been used", CredentialError, Diagnosis(
        "token_used_up", "The token has no uses left.", "Mint a new token.")),
    (1011, "currently unavailable", ProviderError, _waiting(
        "unavailable", "The service is overloaded.", _RESUME, 5.0)),
    (1011, "Deadline expired", ProviderError, _waiting(
        "unavailable", "The service took too long.", _RESUME, 5.0)),
    (1000, "", ProviderError, _waiting(
        "session_ended", "The service ended the session.", _RESUME, 1.0)),
    (1006, "", NetworkError, _waiting(
        "connection_lost", "The connection went away without a close frame.", _RESUME, 1.0)),
)

# Answers to the WebSocket handshake; the words are the reason names of google.rpc.ErrorInfo.
_REFUSALS: tuple[_Row, ...] = (
    (400, "API_KEY_INVALID", CredentialError, Diagnosis(
        "api_key_invalid", "The API key is not valid.", _NEW_KEY)),
    (401, "", CredentialError, Diagnosis(
        "token_invalid", "The service does not accept the credential.",
        "Check that the key or service account is enabled and belongs to this endpoint.")),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", CredentialError, Diagnosis(
        "scope_insufficient", "The token lacks a scope.", _OTHER_ENDPOINT)),
    (403, "SERVICE_DISABLED", CredentialError, Diagnosis(
        "api_disabled", "The API is not enabled in the project.",
        "Enable it in the Google Cloud console, then wait a few minutes.")),
    (403, "", CredentialError, Diagnosis(
        "permission_denied", "The credential may not use the Live API.",
        "Enable the API in the project, grant the account its role, check the key's limits.")),
    (404, "", InvalidRequest, Diagnosis(
        "endpoint_not_found", "There is no Live API at this address.",
        "Check the base URL, the API version and the location.")),
    (429, "", QuotaError, _waiting(
        "rate_limited", "Too many connections in too short a time.",
        "Wait; if it goes on, raise the quota of the project.", 60.0)),
)
# fmt: on

# 1011 and every code without a row: the service's fault, and worth another try.
_INTERNAL = _waiting("internal", "The service failed.", _RESUME, 1.0)
_UNAVAILABLE = _waiting(
    "unavailable", "The service cannot take the connection now.", "Try again later.", 5.0
)
_REDIRECTED = Diagnosis(
    "redirected",
    "The address answers with a redirect. It is not followed: it would carry the key elsewhere.",
    "Set the base URL to the final address.",
)
_REFUSED = Diagnosis(
    "handshake_refused",
    "The connection was refused.",
    "Check the base URL, and what stands between this server and the service.",
)


def _find(rows: tuple[_Row, ...], status: int, text: str) -> _Row | None:
    text = text.casefold()
    return next((row for row in rows if row[0] == status and row[1].casefold() in text), None)


def error_from_close(code: int, reason: str) -> LiveError:
    """The error that a close frame stands for.

    `code` is 1006 when there was no close frame (RFC 6455 section 7.1.5).
    """
    if row := _find(_CLOSES, code, reason):
        return row[2](row[3], code, reason)
    return ProviderError(_INTERNAL, code, reason)


def error_from_handshake(
    status: int, *, body: str = "", retry_after: float | None = None
) -> LiveError:
    """The error that an HTTP answer to the WebSocket handshake stands for.

    `body` is only searched for Google's reason names. `retry_after` is the header's value in
    seconds; it goes before our own guess where waiting helps.
    """
    kind, diagnosis = _refusal(status, body)
    if retry_after is not None and not diagnosis.permanent:
        diagnosis = replace(diagnosis, retry_after=retry_after)
    return kind(diagnosis, status)


def _refusal(status: int, body: str) -> tuple[type[LiveError], Diagnosis]:
    if row := _find(_REFUSALS, status, body):
        return row[2], row[3]
    if status >= 500:
        return ProviderError, _UNAVAILABLE
    return InvalidRequest, _REDIRECTED if 300 <= status < 400 else _REFUSED
