"""The OAuth token endpoint: one HTTP request, and what its refusals mean.

Source: RFC 6749 section 5.2; developers.google.com/identity/protocols/oauth2/service-account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import google.auth.exceptions
import google.auth.transport
import requests

from live.errors import CredentialError, Diagnosis

_ANSWER_BYTES = 64 * 1024
_HTTP_TIMEOUT = 10.0  # seconds to connect, and for each read


class TokenEndpoint(google.auth.transport.Request):
    """One HTTP request for google-auth.

    google-auth's own transport follows redirects with the signed assertion in hand, waits for two
    minutes, and logs the assertion at debug level.
    """

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> google.auth.transport.Response:
        try:
            with requests.request(
                method,
                url,
                data=body,
                headers=dict(headers or {}),
                timeout=timeout or _HTTP_TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return _Answer(answer.status_code, answer.headers, _read_some(answer))
        except requests.RequestException:
            raise google.auth.exceptions.TransportError from None


def _read_some(answer: requests.Response) -> bytes:
    data = b""
    for chunk in answer.iter_content(8192):
        data += chunk
        if len(data) > _ANSWER_BYTES:
            raise requests.RequestException
    return data


class _Answer(google.auth.transport.Response):
    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self._status, self._headers, self._data = status, headers, data

    @property
    def status(self) -> int:
        return self._status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def data(self) -> bytes:
        return self._data


# -- What can be wrong with the grant --------------------------------------------------------

UNREACHABLE = Diagnosis(
    "token_endpoint_unreachable",
    "The token endpoint cannot be reached.",
    "Check name resolution, certificates and the network between this server and the endpoint.",
    permanent=False,
    retry_after=5.0,
)
_UNAVAILABLE = Diagnosis(
    "token_endpoint_unavailable",
    "The token endpoint failed.",
    "Try again later.",
    permanent=False,
    retry_after=5.0,
)
ANSWER_MALFORMED = Diagnosis(
    "token_answer_malformed",
    "The token endpoint's answer holds no usable token.",
    "Check the token_uri of the key file.",
)
_GRANT_REFUSED = Diagnosis(
    "grant_refused",
    "The token endpoint refused the service account.",
    "Check that the account and its key exist and are enabled.",
)
# The words are looked for in the OAuth error and its description; the first row that fits.
_REFUSALS = (
    (
        ("reasonable timeframe", "check your iat", "not yet valid"),
        Diagnosis(
            "clock_skew",
            "The token endpoint says that this server's clock is wrong.",
            "Set the clock by NTP.",
            permanent=False,
            retry_after=60.0,
        ),
    ),
    (
        ("signature",),
        Diagnosis(
            "key_revoked",
            "The token endpoint does not know the key: it was deleted or disabled.",
            "Create a new key for the service account and store it in the credential.",
        ),
    ),
    (
        ("account not found", "account_deleted", "disabled_client"),
        Diagnosis(
            "account_unknown",
            "The service account does not exist or is disabled.",
            "Enable it, or use another one.",
        ),
    ),
    (
        ("invalid_scope", "unauthorized_client"),
        Diagnosis(
            "scope_refused",
            "The service account may not have the scopes.",
            "Use an endpoint that the account is meant for.",
        ),
    ),
)


def grant_error(error: google.auth.exceptions.RefreshError) -> CredentialError:
    """What the endpoint's refusal means; its answer is the error's second argument."""
    if error.retryable:
        return CredentialError(_UNAVAILABLE)
    answer = error.args[1] if len(error.args) > 1 else None
    name = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(name, str):
        return CredentialError(ANSWER_MALFORMED)
    said = f"{name} {answer.get('error_description', '')}".casefold()
    for words, diagnosis in _REFUSALS:
        if any(word in said for word in words):
            return CredentialError(diagnosis, reason=name)
    return CredentialError(_GRANT_REFUSED, reason=name)
