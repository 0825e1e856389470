"""One end of one conversation's stream, for asyncio."""

import asyncio
from typing import Protocol

from .core import LinkCore
from .flow import Flow


class Carrier(Protocol):
    """What a stream needs of the connection that carries it."""

    core: LinkCore
    paused: bool

    def plan_flush(self) -> None:
        """Write what the core has to send, once, at the end of this tick of the loop."""

    def forget(self, stream_id: int) -> None:
        """The user closed this stream; no event of it matters any more."""


class LinkStream:
    """Whole messages, in order, both ways; both ends are alike.

    A message has from 1 byte to 1 MiB. The peer may send ahead what its window allows; receiving
    gives no room back, only `consumed` does, so that room means "dealt with". Belongs to one event
    loop. When the stream or its connection ends, everything here raises LinkClosed, except that
    messages which had arrived before can still be received.
    """

    __slots__ = ("__weakref__", "_carrier", "_flow", "_reader", "_writers")

    def __init__(self, carrier: Carrier, flow: Flow) -> None:
        self._carrier = carrier
        self._flow = flow
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []

    @property
    def info(self) -> bytes:
        """What the opener said about the stream, up to 16 KiB."""
        return self._flow.info

    @property
    def closed(self) -> bool:
        """Whether the stream has ended; messages may be left to receive if the peer ended it."""
        return self._flow.closed is not None

    async def send(self, message: bytes) -> None:
        """Send a message, after waiting for credit if there is none.

        A message is handed over whole or, when cancelled, not at all. Raises LinkClosed.
        """
        while not self.send_nowait(message):
            await self.wait_writable()

    def send_nowait(self, message: bytes) -> bool:
        """Send a message; False, and nothing sent, while credit is missing. Raises LinkClosed.

        The payload is not copied before the loop's next tick.
        """
        carrier = self._carrier
        if carrier.paused and self._flow.closed is None:
            return False
        if not carrier.core.send(self._flow, message):
            return False
        carrier.plan_flush()
        return True

    async def wait_writable(self) -> None:
        """Return when `send_nowait` would send. Raises LinkClosed."""
        while True:
            if self._flow.closed is not None:
                raise self._flow.closed.fresh()
            if self._flow.credit > 0 and not self._carrier.paused:
                return
            await self._wait_for_room()

    def receive_nowait(self) -> bytes | None:
        """The next message, or None. Raises LinkClosed after the last one."""
        flow = self._flow
        if flow.inbox:
            return flow.inbox.popleft()
        if flow.closed is not None:
            raise flow.closed.fresh()
        return None

    async def receive(self) -> bytes:
        """The next message, waited for. Raises LinkClosed after the last one.

        Cancelling it loses nothing. Two callers at once raise RuntimeError.
        """
        while True:
            message = self.receive_nowait()
            if message is not None:
                return message
            await self._wait_for_message()

    def consumed(self, size: int) -> None:
        """Give `size` bytes of credit back to the peer; receiving alone does not.

        Raises ValueError when more is given back than was received.
        """
        self._carrier.core.consumed(self._flow, size)
        self._carrier.plan_flush()

    def close(self, reason: str = "") -> None:
        """End the stream; the peer gets what was sent before, then LinkClosed with the reason.

        The reason is cut to 256 bytes of UTF-8. Closing twice is fine; the first reason counts.
        """
        self._carrier.core.close_stream(self._flow, reason)
        self._carrier.forget(self._flow.id)
        self._carrier.plan_flush()
        self.wake_reader()
        self.wake_writers()

    def wake_reader(self) -> None:
        """For the connection: a message came, or the stream ended."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def wake_writers(self) -> None:
        """For the connection: credit came, writing goes on, or the stream ended."""
        writers, self._writers = self._writers, []
        for writer in writers:
            if not writer.done():
                writer.set_result(None)

    async def _wait_for_message(self) -> None:
        if self._reader is not None:
            raise RuntimeError("one stream has one reader at a time")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def _wait_for_room(self) -> None:
        writer = asyncio.get_running_loop().create_future()
        self._writers.append(writer)
        try:
            await writer
        finally:
            if writer in self._writers:
                self._writers.remove(writer)
