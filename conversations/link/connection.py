"""One connection: an asyncio protocol that moves bytes between the core and a transport."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from typing import Final, cast

from .core import DEFAULT_WINDOW, LinkCore
from .deadlines import DEFAULT_LIMITS, Limits
from .errors import CLOSED, LinkClosed, LinkProtocolError, LinkRefused
from .events import Accepted, Ended, Established, Event, Opened, Readable, StreamEnded, Writable
from .flow import Flow
from .handshake import NONCE_SIZE, Role
from .stream import LinkStream

logger = logging.getLogger(__name__)

WRITE_BUFFER: Final = 256 * 1024
"""Bytes the transport may hold before streams have to wait."""
LINGER: Final = 1.0
"""Seconds in which the last bytes of an ended connection must be out."""


class Connection(asyncio.Protocol):
    """The streams between two processes, over whatever transport connects them.

    `accept` is called with each stream that the peer opens; it runs on the loop and must only
    enqueue. All that is sent in one tick of the loop goes out in one write.
    """

    def __init__(
        self,
        role: Role,
        secret: bytes,
        *,
        accept: Callable[[LinkStream], None] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        nonce = secrets.token_bytes(NONCE_SIZE)
        self.core = LinkCore(role, secret, nonce=nonce, now=now, limits=limits)
        self.paused = False
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._accept = accept
        self._streams: dict[int, LinkStream] = {}
        self._opening: dict[int, asyncio.Future[None]] = {}
        self._resumed: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush_planned = False

    # For the pool and the listener

    async def established(self) -> None:
        """Return when both ends have proved themselves. Raises LinkClosed, mostly LinkRefused."""
        await asyncio.shield(self._ready)
        if self.core.ended is not None:
            raise self.core.ended.fresh()

    async def open(self, info: bytes, window: int = DEFAULT_WINDOW) -> LinkStream:
        """Open a stream and wait until the peer has accepted it. Raises LinkClosed."""
        while self.paused and self.core.ended is None:
            await self._wait_resumed()
        flow = self.core.open(info, window)
        stream = self._streams[flow.id] = LinkStream(self, flow)
        self.plan_flush()
        try:
            await self._wait_accepted(flow)
        except BaseException:
            stream.close("abandoned")
            raise
        return stream

    def close(self, reason: str = CLOSED) -> None:
        """End the connection; all its streams raise LinkClosed at once, at both ends.

        What was sent before still goes out, unless the peer has stopped reading.
        """
        self._flush()
        self._handle(self.core.close(reason))

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.core.ended is not None:
            # Given up while the transport was being made.
            self._leave()
            return
        self._set_timer()
        self._flush()

    def data_received(self, data: bytes) -> None:
        events = self.core.receive_data(data, self._loop.time())
        if events:
            self._handle(events)
        if self.core.has_output:
            self.plan_flush()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        _settle(self._resumed)
        self._resumed = None
        self._flush()
        if not self.paused:
            for stream in self._streams.values():
                stream.wake_writers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._handle(self.core.connection_lost())
        self._replace_timer(None)
        _settle(self.lost)

    # Writing

    def plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        transport, core = self._transport, self.core
        if transport is None or transport.is_closing():
            return
        while core.has_output and not self.paused:
            transport.write(core.data_to_send())

    def forget(self, stream_id: int) -> None:
        self._streams.pop(stream_id, None)

    # Events

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Readable):
                stream = self._streams.get(event.flow.id)
                if stream is not None:
                    stream.wake_reader()
            else:
                self._handle_rare(event)

    def _handle_rare(self, event: Event) -> None:
        match event:
            case Writable(flow):
                if flow.id in self._streams:
                    self._streams[flow.id].wake_writers()
            case Opened(flow):
                self._offer(flow)
            case Accepted(flow):
                _settle(self._opening.pop(flow.id, None))
            case StreamEnded(flow):
                self._end_stream(flow)
            case Established():
                _settle(self._ready)
                self._set_timer()
            case Ended(error):
                self._finish(error)

    def _offer(self, flow: Flow) -> None:
        stream = self._streams[flow.id] = LinkStream(self, flow)
        if self._accept is None:
            stream.close("not-accepting")
            return
        try:
            self._accept(stream)
        except Exception:
            # A fault in one conversation's start must not end the others of this connection.
            logger.exception("accepting a link stream failed")
            stream.close("accept-failed")

    def _end_stream(self, flow: Flow) -> None:
        stream = self._streams.pop(flow.id, None)
        if stream is not None:
            stream.wake_reader()
            stream.wake_writers()
        _settle(self._opening.pop(flow.id, None))

    def _finish(self, error: LinkClosed) -> None:
        unexpected = isinstance(error, LinkRefused | LinkProtocolError)
        level = logging.WARNING if unexpected else logging.INFO
        peer = self._transport and self._transport.get_extra_info("peername")
        logger.log(level, "link connection ended: peer %s, reason %s", peer, error.reason)
        _settle(self._ready)
        _settle(self._resumed)
        self._leave()

    def _leave(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.paused:
            transport.abort()
            return
        transport.write(self.core.data_to_send())
        transport.close()
        self._replace_timer(self._loop.call_later(LINGER, transport.abort))

    # Time

    def _set_timer(self) -> None:
        self._replace_timer(self._loop.call_at(self.core.deadline, self._tick))

    def _replace_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _tick(self) -> None:
        self._handle(self.core.tick(self._loop.time()))
        if self.core.ended is None:
            self._set_timer()
            self.plan_flush()

    # Waiting

    async def _wait_resumed(self) -> None:
        if self._resumed is None:
            self._resumed = self._loop.create_future()
        await asyncio.shield(self._resumed)

    async def _wait_accepted(self, flow: Flow) -> None:
        opening = self._opening[flow.id] = self._loop.create_future()
        try:
            await opening
        finally:
            self._opening.pop(flow.id, None)
        if not flow.accepted and flow.closed is not None:
            raise flow.closed.fresh()


def _settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
