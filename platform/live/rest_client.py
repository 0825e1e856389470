"""One HTTP request to a REST API of Google's, in a thread, and what its refusal means.

Source: google.aip.dev/193 for the errors; RFC 9110.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import requests

from live.errors import Diagnosis, LiveError, NetworkError, ProtocolError, error_from_handshake

_ANSWER_BYTES = 256 * 1024
_READ_TIMEOUT = 10.0  # seconds to connect, and for each read

_Answer = TypeVar("_Answer")


def _passing(code: str, summary: str, fix: str) -> Diagnosis:
    return Diagnosis(code, summary, fix, permanent=False, retry_after=1.0)


_UNREACHABLE = _passing(
    "unreachable",
    "The service cannot be reached.",
    "Check the base URL, name resolution and the network between this server and the service.",
)
_TIMEOUT = _passing(
    "request_timeout",
    "The service did not answer in time.",
    "See whether the request took effect, then try again.",
)
_PROXY = _passing(
    "proxy_failed",
    "The proxy of this server's environment did not let the request through.",
    "Check the proxy's settings.",
)
_UNTRUSTED = Diagnosis(
    "certificate_untrusted",
    "The service's certificate is not trusted.",
    "Check the base URL and the certificate authorities of this server.",
)
_MALFORMED = Diagnosis(
    "answer_malformed",
    "The service's answer is not what its API promises.",
    "Check that the base URL leads to Google's API.",
)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """An answer. `retry_after` is in seconds, `None` when the service names no time.

    The body may hold a secret, so it is in no `repr`.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    def read(self, kind: type[_Answer]) -> _Answer:
        """The body as a msgspec type. Raises `ProtocolError` when it is something else."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # The decoder's own text may quote the body.
            raise malformed_answer() from None

    def message(self) -> str:
        """Google's own words for a refusal; empty when there are none."""
        try:
            return msgspec.json.decode(self.body, type=_ErrorBody).error.message
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""

    def error(self) -> LiveError:
        """The error that any of Google's APIs means by this answer."""
        text = self.body[:4096].decode(errors="replace")
        return error_from_handshake(self.status, body=text, retry_after=self.retry_after)


class _Error(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def malformed_answer() -> ProtocolError:
    return ProtocolError(_MALFORMED)


async def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    body: Mapping[str, Any] | None = None,
    timeout: float,  # noqa: ASYNC109 - the thread needs it too
) -> RestAnswer:
    """The answer to one request, whatever its status; no redirect is followed.

    `timeout` is in seconds, for the whole of it. A request that ends with `NetworkError`, or is
    cancelled, may have taken effect all the same.

    Raises `NetworkError`, and `ProtocolError` for an answer without end.
    """
    data = None if body is None else msgspec.json.encode(body)
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.to_thread(_send, method, url, headers, data, timeout)
    except TimeoutError:
        raise NetworkError(_TIMEOUT) from None
    except requests.RequestException as error:
        # Without the cause: it holds the request, and with it the credential.
        raise NetworkError(_diagnosis(error)) from None


def _send(
    method: str, url: str, headers: Mapping[str, str], data: bytes | None, timeout: float
) -> RestAnswer:
    """Blocks for at most about `timeout` and one read."""
    deadline = time.monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = url.startswith("https:")  # only loopback is unencrypted: no proxy
        with session.request(
            method,
            url,
            data=data,
            headers={**headers, "Content-Type": "application/json", "User-Agent": "parley"},
            timeout=min(timeout, _READ_TIMEOUT),
            allow_redirects=False,
            stream=True,
            auth=_untouched,
        ) as answer:
            retry_after = _seconds(answer.headers.get("Retry-After", ""))
            return RestAnswer(answer.status_code, _read_some(answer, deadline), retry_after)


def _untouched(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps `requests` from replacing our credential with one from a .netrc file."""
    return request


def _read_some(answer: requests.Response, deadline: float) -> bytes:
    data = b""
    for chunk in answer.iter_content(8192):
        data += chunk
        if len(data) > _ANSWER_BYTES:
            raise malformed_answer()
        if time.monotonic() > deadline:
            raise requests.Timeout
    return data


def _diagnosis(error: requests.RequestException) -> Diagnosis:
    if isinstance(error, requests.exceptions.ProxyError):
        return _PROXY
    if isinstance(error, requests.exceptions.SSLError):
        return _UNTRUSTED
    return _TIMEOUT if isinstance(error, requests.Timeout) else _UNREACHABLE


def _seconds(header: str) -> float | None:
    """`Retry-After` in seconds (RFC 9110 section 10.2.3); its form as a date is left alone."""
    return float(header) if header.isascii() and header.isdigit() and len(header) < 6 else None
