"""The side that is dialled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from .connection import Connection
from .deadlines import DEFAULT_LIMITS, Limits
from .handshake import Role
from .stream import LinkStream

logger = logging.getLogger(__name__)

MAX_HANDSHAKES: Final = 256
"""Connections of unproved callers at once; more are dropped unheard."""

LISTENER_CLOSED: Final = "listener-closed"

Accept = Callable[[LinkStream], None]


class Listener:
    """Where peers can open streams.

    `address` is what the other side gives to `LinkPool.open`: "tcp://host:port", or "memory:<n>".
    """

    def __init__(self, accept: Accept, secret: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        self.address = ""
        self.stop: Callable[[], Awaitable[None]] | None = None
        self._accept = accept
        self._secret = secret
        self._limits = limits
        self._connections: set[Connection] = set()

    def new_connection(self) -> Connection:
        """The protocol for one caller (the factory that `loop.create_server` takes)."""
        return _Incoming(self, self._secret, accept=self._accept, limits=self._limits)

    def admit(self, connection: Connection) -> bool:
        """Note a caller; False when too many others have yet to prove themselves."""
        unproved = sum(not known.core.established for known in self._connections)
        if unproved >= MAX_HANDSHAKES:
            logger.warning("too many unproved link connections")
            return False
        self._connections.add(connection)
        connection.lost.add_done_callback(lambda _: self._connections.discard(connection))
        return True

    async def aclose(self) -> None:
        """Listen no more, end all connections, and return when they are gone."""
        stop, self.stop = self.stop, None
        if stop is not None:
            await stop()
        connections = list(self._connections)
        for connection in connections:
            connection.close(LISTENER_CLOSED)
        for connection in connections:
            await connection.lost


class _Incoming(Connection):
    """A connection that its listener knows from the moment it has a transport, and not before:
    a caller whose TLS handshake fails never gets one, and is never reported lost.
    """

    def __init__(
        self, listener: Listener, secret: bytes, *, accept: Accept, limits: Limits
    ) -> None:
        super().__init__(Role.LISTENING, secret, accept=accept, limits=limits)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._listener.admit(self):
            super().connection_made(transport)
        else:
            transport.close()
