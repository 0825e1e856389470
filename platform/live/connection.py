"""One WebSocket to the service, and what waits for it.

Writing never waits: what the socket does not take at once stays in the outbox, which one task
empties. Closing is with a close frame, and reading goes on until the other side's has come.
"""

from __future__ import annotations

import asyncio
import contextlib

from websockets import protocol
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed

from live.errors import Diagnosis, LiveError, ProtocolError, error_from_close
from live.handshake import CLOSE_TIMEOUT
from live.outbox import Outbox

# What may lie in the socket's own buffer when a message goes straight there.
AHEAD_BYTES = 16 * 1024

_UNREADABLE = Diagnosis(
    "frame_malformed",
    "The service sent a frame that is too big or malformed.",
    "Resume the session.",
    permanent=False,
    retry_after=1.0,
)


class Connection:
    """An open WebSocket. Until `start_writing`, only `send` writes."""

    def __init__(self, socket: ClientConnection, outbox: Outbox) -> None:
        self._socket = socket
        self._outbox = outbox
        self._filled = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> bytes:
        """The next message. Raises the `LiveError` that the connection's end means."""
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            raise _error_of(closed) from None

    async def send(self, message: bytes) -> None:
        """Write a message, waiting for the socket; `receive` tells when it is closed."""
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(message, text=True)

    def start_writing(self) -> None:
        """From now on what is in the outbox goes out."""
        self._writer = asyncio.create_task(self._write(), name="live writer")

    def write(self, message: bytes) -> bool:
        """Give the socket a message without waking the writer; False while it is behind.

        `broadcast` is how `websockets` sends without waiting; the task and the lock of `send`
        cost as much as the message itself.
        """
        behind = self._outbox.size or self._socket.transport.get_write_buffer_size() > AHEAD_BYTES
        if behind:
            return False
        broadcast((self._socket,), message, text=True)
        return True

    def wake(self) -> None:
        """There is something in the outbox."""
        self._filled.set()

    def begin_close(self) -> None:
        """Send a close frame, in 5 s at most; `receive` raises when the other side's has come."""
        if self._writer is not None:
            self._writer.cancel()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="live closing")

    async def closed(self) -> None:
        """Wait until nothing of it is left."""
        self.begin_close()
        tasks = [task for task in (self._writer, self._closing) if task is not None]
        await asyncio.wait(tasks)

    async def _close(self) -> None:
        if self._socket.state is protocol.State.CLOSED:
            return  # closing again may fail: `websockets` aborts the transport, closed or not
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close()
        except TimeoutError:
            # The peer takes no bytes: the close frame is stuck behind them.
            self._socket.transport.abort()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # `receive` tells it
            while True:
                while (message := self._outbox.pop()) is not None:
                    await self._socket.send(message, text=True)
                self._filled.clear()
                await self._filled.wait()


def _error_of(closed: ConnectionClosed) -> LiveError:
    if closed.rcvd is not None:
        return error_from_close(closed.rcvd.code, closed.rcvd.reason)
    # A close frame from us, unasked: the library did not like what it read.
    lost = error_from_close(1006, "")
    return lost if closed.sent is None else ProtocolError(_UNREADABLE, closed.sent.code)
