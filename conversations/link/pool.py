"""The side that dials: one connection to each peer, shared by all streams to it."""

import asyncio
from ssl import SSLContext, SSLError
from typing import Final

from .connection import Connection
from .core import DEFAULT_WINDOW
from .deadlines import DEFAULT_LIMITS, Limits
from .errors import CONNECT_FAILED, CONNECT_TIMEOUT, OPEN_TIMEOUT, LinkClosed, LinkRefused
from .handshake import Role
from .memory import PREFIX, dial_memory
from .stream import LinkStream
from .tcp import dial

POOL_CLOSED: Final = "pool-closed"
TLS_REFUSED: Final = "tls-refused"


class LinkPool:
    """Opens streams; belongs to one event loop.

    `secret` is 32 bytes, the same at all ends. With `ssl`, TCP connections run inside TLS. A
    connection on which no stream was open for a minute is closed. `timeout` is in seconds, for the
    connection with its handshake, and again for the stream.
    """

    def __init__(
        self,
        secret: bytes,
        ssl: SSLContext | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        timeout: float = 5.0,
    ) -> None:
        self._secret = secret
        self._ssl = ssl
        self._limits = limits
        self._timeout = timeout
        self._connecting: dict[str, asyncio.Task[Connection]] = {}
        self._connections: dict[str, Connection] = {}
        self._alive: set[Connection] = set()
        self._closed = False

    async def open(self, address: str, info: bytes, *, window: int = DEFAULT_WINDOW) -> LinkStream:
        """Open a stream to the listener at `address`; returns when the peer has accepted it.

        `info` (up to 16 KiB) is what the other end's stream shows as its `info`. The peer may send
        `window` bytes ahead of what is consumed here. Raises LinkRefused when peer and pool will
        not have each other, and LinkClosed when the peer cannot be reached or had no room.
        """
        connection = await self._connection(address)
        try:
            async with asyncio.timeout(self._timeout):
                return await connection.open(info, window)
        except TimeoutError:
            raise LinkClosed(OPEN_TIMEOUT) from None

    async def aclose(self) -> None:
        """End all connections and return when they are gone; `open` raises LinkClosed from now."""
        self._closed = True
        tasks = list(self._connecting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connections = list(self._alive)
        for connection in connections:
            connection.close(POOL_CLOSED)
        for connection in connections:
            await connection.lost

    async def _connection(self, address: str) -> Connection:
        if self._closed:
            raise LinkClosed(POOL_CLOSED)
        connection = self._connections.get(address)
        if connection is not None and connection.core.ended is None:
            return connection
        task = self._connecting.get(address)
        if task is None:
            task = self._connecting[address] = asyncio.create_task(self._connect(address))
            task.add_done_callback(lambda done: self._settle(address, done))
        try:
            # One waiter that gives up must not take the connection from the others.
            return await asyncio.shield(task)
        except LinkClosed as error:
            raise error.fresh() from error.__cause__
        except asyncio.CancelledError:
            if task.cancelled() and not _is_cancelled_itself():
                raise LinkClosed(POOL_CLOSED) from None
            raise

    def _settle(self, address: str, task: asyncio.Task[Connection]) -> None:
        del self._connecting[address]
        if task.cancelled() or task.exception() is not None:
            return
        connection = task.result()
        self._connections[address] = connection
        self._alive.add(connection)
        connection.lost.add_done_callback(lambda _: self._forget(address, connection))

    def _forget(self, address: str, connection: Connection) -> None:
        self._alive.discard(connection)
        if self._connections.get(address) is connection:
            del self._connections[address]

    async def _connect(self, address: str) -> Connection:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._dial(address)
        except TimeoutError:
            raise LinkClosed(CONNECT_TIMEOUT) from None
        except SSLError as error:
            raise LinkRefused(TLS_REFUSED) from error
        except (OSError, UnicodeError) as error:
            # UnicodeError: a host name that cannot be looked up at all.
            raise LinkClosed(CONNECT_FAILED) from error

    async def _dial(self, address: str) -> Connection:
        if address.startswith(PREFIX):
            connection = dial_memory(address, self._new_connection)
        else:
            connection = await dial(address, lambda: self._new_connection(self._secret), self._ssl)
        try:
            await connection.established()
        except BaseException:
            # Given up by the time limit or by `aclose`: the half-made connection goes too.
            connection.close()
            raise
        return connection

    def _new_connection(self, secret: bytes) -> Connection:
        return Connection(Role.CONNECTING, secret, limits=self._limits)


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
