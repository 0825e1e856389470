"""The OAuth token endpoint: one HTTP request, and a user's grants.

Source: RFC 6749 sections 5 and 6; developers.google.com/identity/protocols/oauth2.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import google.auth.exceptions
import google.auth.transport
import requests

from live.errors import CredentialError
from live.refusals import ANSWER_MALFORMED, UNAVAILABLE, UNREACHABLE, USER_REFUSALS

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
LONGEST_LIFETIME = 3600.0  # seconds; Google's access tokens live for an hour
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


# -- A user's grants ---------------------------------------------------------------------------

_PASSING_STATUSES = frozenset({408, 429})
_PASSING_ERRORS = frozenset({"server_error", "temporarily_unavailable", "internal_failure"})


def request_token(uri: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Ask once for a user's token (RFC 6749 sections 4.1.3 and 6), and return the answer. Blocks.

    Raises `CredentialError`, which shows nothing of the form and of the answer but its error.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = TokenEndpoint()(uri, "POST", urlencode(form).encode(), headers)
    except google.auth.exceptions.TransportError:
        raise CredentialError(UNREACHABLE) from None
    content = _json_object(answer.data)
    if answer.status == 200 and content is not None:
        return content
    if _passes(answer.status, content):
        raise CredentialError(UNAVAILABLE)
    raise USER_REFUSALS.error(content)


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _passes(status: int, content: Mapping[str, Any] | None) -> bool:
    error = (content or {}).get("error")
    return (
        status >= 500
        or status in _PASSING_STATUSES
        or (isinstance(error, str) and error in _PASSING_ERRORS)
    )


def lifetime_of(answer: Mapping[str, Any]) -> float:
    """The lifetime of an answer's access token in seconds (RFC 6749 section 5.1).

    Raises `CredentialError` when it is no number of seconds.
    """
    stated = answer.get("expires_in", LONGEST_LIFETIME)
    try:
        lifetime = float(stated)  # some endpoints send it as a string
    except (TypeError, ValueError, OverflowError):
        raise CredentialError(ANSWER_MALFORMED) from None
    if not 0 < lifetime < float("inf"):
        raise CredentialError(ANSWER_MALFORMED)
    return min(lifetime, LONGEST_LIFETIME)


# -- Its address -------------------------------------------------------------------------------


def may_be_asked(uri: str, allowed: Collection[str] | None = None) -> bool:
    """Whether a secret may go to this address, which may come from a stranger's file.

    With `allowed`, only one of those will do; without it any https address, and http on loopback.
    """
    if allowed is not None:
        return uri in allowed
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return bool(host) and secure and parts.username is None


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
