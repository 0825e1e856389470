"""Links between machines or processes: TCP, with TLS when a context is given."""

import asyncio
from collections.abc import Callable
from ssl import SSLContext
from typing import Final
from urllib.parse import urlsplit

from .connection import Connection
from .deadlines import DEFAULT_LIMITS
from .errors import LinkRefused
from .listener import Accept, Listener

BAD_ADDRESS: Final = "bad-address"


async def listen(
    accept: Accept, *, host: str, port: int, secret: bytes, ssl: SSLContext | None = None
) -> Listener:
    """Listen for peers that know `secret` (32 bytes); port 0 takes a free one.

    `accept` is called on the loop with each opened stream; it must only enqueue. Raises OSError
    when the address cannot be bound.
    """
    listener = Listener(accept, secret)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        listener.new_connection, host, port, ssl=ssl, ssl_handshake_timeout=_tls_timeout(ssl)
    )

    async def stop() -> None:
        server.close()

    listener.stop = stop
    listener.address = format_address(host, server.sockets[0].getsockname()[1])
    return listener


async def dial(
    address: str, factory: Callable[[], Connection], ssl: SSLContext | None
) -> Connection:
    """Connect to a "tcp://host:port". Raises OSError, or LinkRefused for another kind of text."""
    host, port = parse_address(address)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        factory, host, port, ssl=ssl, ssl_handshake_timeout=_tls_timeout(ssl)
    )
    return connection


def _tls_timeout(ssl: SSLContext | None) -> float | None:
    # asyncio's own limit is a minute, and it refuses a limit where there is no TLS.
    return None if ssl is None else DEFAULT_LIMITS.handshake


def format_address(host: str, port: int) -> str:
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of a "tcp://host:port"; LinkRefused when it is something else."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise LinkRefused(BAD_ADDRESS) from None
    if parts.scheme != "tcp" or not host or not port:
        raise LinkRefused(BAD_ADDRESS)
    return host, port
