"""Listening sockets, bound before anything starts: a busy port is one clear line, not a trace."""

import contextlib
import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BACKLOG = 2048
# An address the machine does not have, such as ::1 of `localhost` in many containers.
NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class StartError(Exception):
    """The server cannot start. The text says why, and what to do."""


@dataclass(frozen=True)
class Endpoint:
    """Where to listen. Port 0 picks a free port; with a certificate the endpoint speaks TLS.

    `certificate` is a PEM chain, leaf first, and `key` its unencrypted PEM key.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_tls(self) -> bool:
        return self.certificate is not None


@dataclass(frozen=True)
class Listener:
    """A socket that listens for an endpoint; `localhost` has two of them."""

    endpoint: Endpoint
    socket: socket.socket

    @property
    def url(self) -> str:
        scheme = "https" if self.endpoint.is_tls else "http"
        host = self.endpoint.host
        port = self.socket.getsockname()[1]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def bind(endpoints: Iterable[Endpoint]) -> list[Listener]:
    """Listen on every address of every endpoint. Raises StartError, and then none is left open."""
    with contextlib.ExitStack() as on_error:
        listeners = []
        for endpoint in endpoints:
            _check_certificate(endpoint)
            for listener in _bind_endpoint(endpoint):
                on_error.callback(listener.socket.close)
                listeners.append(listener)
        if not listeners:
            raise StartError("There is nothing to listen on: name at least one endpoint.")
        on_error.pop_all()
    return listeners


def _check_certificate(endpoint: Endpoint) -> None:
    if endpoint.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(endpoint.certificate, endpoint.key)
    except OSError as error:  # ssl.SSLError is one too
        raise StartError(
            f"The TLS certificate {endpoint.certificate} with the key {endpoint.key} cannot be "
            f"used: {error}. Both must be readable PEM files that belong together."
        ) from error


def _bind_endpoint(endpoint: Endpoint) -> list[Listener]:
    try:
        found = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise StartError(f"The host {endpoint.host!r} is not known: {error.strerror}.") from error
    listeners: list[Listener] = []
    port = endpoint.port
    for family, address in dict.fromkeys((family, str(where[0])) for family, *_, where in found):
        sock = _listen(family, address, port)
        if sock is not None:
            port = sock.getsockname()[1]
            listeners.append(Listener(endpoint, sock))
    if not listeners:
        raise StartError(f"The address {endpoint.host} is not one of this machine.")
    return listeners


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """Return a listening socket, or None when the machine does not have the address."""
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno in NOT_HERE:
            return None
        raise StartError(
            f"Port {port} of {address} cannot be used: {error.strerror}. "
            "End the program that holds it, or choose another port."
        ) from error
    sock.setblocking(False)
    return sock
