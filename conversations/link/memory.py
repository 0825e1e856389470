"""Links inside one process: the same connection on a transport that is two lists in memory.

Everything above the transport is shared with TCP: the frames, the credit, the bounds. So what is
tried in one process behaves alike between two.
"""

import asyncio
import itertools
import secrets
from collections.abc import Callable
from typing import Any, Final

from .connection import Connection
from .errors import CONNECT_FAILED, LinkClosed
from .handshake import SECRET_SIZE
from .listener import Accept, Listener

PREFIX: Final = "memory:"

_SECRET: Final = secrets.token_bytes(SECRET_SIZE)
"""Both ends are this process: the handshake runs, and has nobody to keep out."""
_numbers = itertools.count(1)
_listeners: dict[str, tuple[asyncio.AbstractEventLoop, Listener]] = {}


class MemoryTransport(asyncio.Transport):
    """One end of a pair; what is written reaches the other end's protocol at the next tick.

    It never pauses its writer: it is empty after each tick, and credit bounds what a tick can hold.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self.protocol = protocol
        self.peer: MemoryTransport | None = None
        self._closing = False

    def join(self, peer: "MemoryTransport") -> None:
        """Tie the two ends together, and tell both protocols."""
        self.peer, peer.peer = peer, self
        self._loop.call_soon(peer.protocol.connection_made, peer)
        self._loop.call_soon(self.protocol.connection_made, self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.peer is not None and not self._closing:
            self._loop.call_soon(self.peer.deliver, data)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self.peer is not None:
            self._loop.call_soon(self.peer.close)
        self._loop.call_soon(self._lose)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever left in the buffer that these would be limits of."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def deliver(self, data: bytes | bytearray | memoryview) -> None:
        """Hand on what the other end wrote."""
        if not self._closing:
            self.protocol.data_received(bytes(data))

    def _lose(self) -> None:
        self.peer = None
        self.protocol.connection_lost(None)


def listen_memory(accept: Accept) -> Listener:
    """Listen inside this process and loop, on an address of its own, "memory:<n>"."""
    listener = Listener(accept, _SECRET)
    address = listener.address = f"{PREFIX}{next(_numbers)}"
    _listeners[address] = (asyncio.get_running_loop(), listener)

    async def stop() -> None:
        _listeners.pop(address, None)

    listener.stop = stop
    return listener


def dial_memory(address: str, factory: Callable[[bytes], Connection]) -> Connection:
    """Connect to a "memory:<n>" of this loop; LinkClosed when nobody listens there."""
    loop, listener = _listeners.get(address, (None, None))
    if loop is None or listener is None or loop is not asyncio.get_running_loop():
        raise LinkClosed(CONNECT_FAILED)
    connection = factory(_SECRET)
    here = MemoryTransport(loop, connection)
    here.join(MemoryTransport(loop, listener.new_connection()))
    return connection
