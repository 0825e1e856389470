"""Opening a WebSocket to the service, and what can go wrong until it is open."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Iterator, Mapping
from ssl import SSLCertVerificationError, SSLContext
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, ProxyError

from live.endpoint import Endpoint
from live.errors import Diagnosis, NetworkError, error_from_handshake

# Audio messages are about 15 kB; a picture or a long tool call may be much bigger.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
CLOSE_TIMEOUT = 5.0  # seconds
PING_INTERVAL = 60.0  # seconds
_NO_QUERY: Mapping[str, str] = MappingProxyType({})


def _network(code: str, summary: str, fix: str, *, permanent: bool = False) -> Diagnosis:
    return Diagnosis(code, summary, fix, permanent, None if permanent else 1.0)


_UNREACHABLE = _network(
    "unreachable",
    "The service cannot be reached.",
    "Check the base URL, name resolution and the network between this server and the service.",
)
_UNTRUSTED = _network(
    "certificate_untrusted",
    "The service's certificate is not trusted.",
    "Check the base URL and the certificate authorities of this server.",
    permanent=True,
)
_CONNECT_TIMEOUT = _network(
    "connect_timeout",
    "The service did not answer in time.",
    "Try again; if it goes on, check the network between this server and the service.",
)
_PROXY = _network(
    "proxy_failed",
    "The proxy of this server's environment did not let the connection through.",
    "Check the proxy's settings.",
)
_NO_WEBSOCKET = _network(
    "not_a_websocket",
    "The address does not answer as a WebSocket.",
    "Check the base URL, and what stands between this server and the service.",
)


class Connector(Protocol):
    """What opens the socket: `websockets.asyncio.client.connect`, or something in its place."""

    def __call__(self, uri: str, **options: Any) -> Awaitable[ClientConnection]: ...


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Keeps the library from logging headers and frames, which hold keys and what was said."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - overrides logging
        return level > logging.DEBUG and super().isEnabledFor(level)


_log = _QuietLogger(logging.getLogger("live.websocket"), {})


class DirectConnect(websockets_connect):
    """Follows no redirect: the library would send `x-goog-api-key` to the new host."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def open_socket(
    endpoint: Endpoint,
    headers: Mapping[str, str],
    *,
    query: Mapping[str, str] = _NO_QUERY,
    ssl: SSLContext | None,
    connector: Connector,
    open_timeout: float,
) -> ClientConnection:
    """A socket to the endpoint. `open_timeout` is in seconds.

    `query` is what a credential has in the address (`Auth.query`). No error and no log shows it,
    but what stands between this server and the service may keep it.

    Raises a `LiveError` of the branch that tells who can act.
    """
    options: dict[str, Any] = {"ssl": ssl} if endpoint.is_secure and ssl else {}
    if not endpoint.is_secure:
        options["proxy"] = None  # only loopback is unencrypted
    with _errors():
        return await connector(
            _address(endpoint, query),
            additional_headers=headers,
            user_agent_header="parley",
            compression=None,  # deflate costs 5 to 11 times the CPU on audio
            # What stands between forgets a connection on which nothing moves. No pong is waited
            # for: the service's can take 8 to 30 s.
            ping_interval=PING_INTERVAL,
            ping_timeout=None,
            open_timeout=open_timeout,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_MESSAGE_BYTES,
            logger=_log,
            **options,
        )


def _address(endpoint: Endpoint, query: Mapping[str, str]) -> str:
    # The slash of an ephemeral token stays as it is, as the official SDK sends it.
    return f"{endpoint.url}?{urlencode(query, safe='/')}" if query else endpoint.url


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn what `websockets` and the system raise into errors of ours.

    Without the cause: a library's text may hold what the other end said.
    """
    try:
        yield
    except InvalidStatus as error:
        response = error.response
        raise error_from_handshake(
            response.status_code,
            body=(response.body or b"")[:4096].decode(errors="replace"),
            retry_after=_seconds(response.headers.get("Retry-After", "")),
        ) from None
    except (InvalidProxy, ProxyError, ImportError):  # ImportError: a SOCKS proxy's library
        raise NetworkError(_PROXY) from None
    except InvalidHandshake:
        raise NetworkError(_NO_WEBSOCKET) from None
    except SSLCertVerificationError:
        raise NetworkError(_UNTRUSTED) from None
    except TimeoutError:
        raise NetworkError(_CONNECT_TIMEOUT) from None
    except (OSError, EOFError):
        raise NetworkError(_UNREACHABLE) from None


def _seconds(header: str) -> float | None:
    """`Retry-After` in seconds (RFC 9110 section 10.2.3); its form as a date is left alone."""
    return float(header) if header.isascii() and header.isdigit() and len(header) < 6 else None
