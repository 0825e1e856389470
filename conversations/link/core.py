"""The link's protocol without I/O: bytes and the time in, events and bytes out.

House rules. Everything about frames, streams and deadlines is decided here; this module has no
socket, no clock and no randomness. Whatever the peer sends, nothing is raised by `receive_data`:
a peer that breaks the protocol ends the connection, and `ended` says why.

Three machines run beside each other. The *connection* goes from the handshake to established to
ended, once each. Each *stream* is opened by the connecting end, accepted by the listening end, and
closed by either; there is no half-closed state, because a conversation ends as a whole. Each
direction of a stream has its *credit* (see `flow`). What couples them: the end of the connection
ends all streams at once, and nothing else that happens to one stream touches another.

Order on the wire. Frames about streams (OPEN, ACCEPT, CREDIT, PING ...) overtake data: they are
small, and a reader's credit must not wait behind another's audio. Then the streams that have
pieces take turns, one piece each. A CLOSE waits behind its own stream's data, so that the reader
gets every message before it learns of the end.

A stream is forgotten by the end that sent or got its CLOSE, while frames of the other end may
still be under way. Stream ids only grow, so a frame of an unknown stream is late when its id was
seen before, and an error when it was not.

Bounds. A stream holds its window and one message at the reader, and as much at the writer. Frames
that answer the peer's frames are the one thing a peer can make us collect without credit; more
than 1 MiB of them unwritten ends the connection.
"""

from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from . import errors, frames
from .deadlines import DEFAULT_LIMITS, Deadlines, Due, Limits
from .errors import LinkClosed, LinkProtocolError, LinkRefused
from .events import Accepted, Ended, Established, Event, Opened, Readable, StreamEnded, Writable
from .flow import Flow
from .frames import DATA, HEADER_SIZE, PIECE, check_header
from .handshake import Handshake, Role

DEFAULT_WINDOW: Final = 256 * 1024
MAX_REPLIES: Final = 1024 * 1024
WRITE_SIZE: Final = 64 * 1024

_OVERDUE: Final = {
    Due.HANDSHAKE_TIMEOUT: LinkRefused(errors.HANDSHAKE_TIMEOUT),
    Due.PEER_SILENT: LinkClosed(errors.PEER_SILENT),
    Due.UNUSED: LinkClosed(errors.UNUSED),
}

_unpack_header = frames.HEADER.unpack_from


class LinkCore:
    """One end of a connection.

    `secret` and `nonce` are 32 bytes each, the nonce fresh from the system's randomness. Every
    `now` is in seconds on one clock that never goes back. `ended` is None while the connection
    lives. Methods that the user calls raise LinkClosed once the stream or the connection is over.
    """

    def __init__(
        self,
        role: Role,
        secret: bytes,
        *,
        nonce: bytes,
        now: float,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.role = role
        self.ended: LinkClosed | None = None
        self.established = False
        self._limits = limits
        self._handshake = Handshake(role, secret, nonce)
        self._flows: dict[int, Flow] = {}
        self._last_id = 0
        self._tail = b""
        self._events: list[Event] = []
        self._output: list[bytes | memoryview] = []
        self._reply_bytes = 0
        self._ready: deque[Flow] = deque()
        self._deadlines = Deadlines(limits, now)
        self._collect_handshake()

    # What the shell calls

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Bytes from the peer, cut anywhere; what they mean. Never raises."""
        if self.ended is not None:
            return []
        try:
            if not self.established:
                data = self._shake_hands(data, now)
            if self.established:
                self._deadlines.heard(now)
                self._read_frames(data)
        except LinkClosed as error:
            self._end(error)
        return self._take_events()

    def connection_lost(self, reason: str = errors.CONNECTION_LOST) -> list[Event]:
        """The transport is gone: no byte goes in or out any more."""
        if self.ended is None:
            self._end(LinkClosed(reason))
        self._output.clear()
        return self._take_events()

    def close(self, reason: str = errors.CLOSED) -> list[Event]:
        """End the connection in order: the peer is told the reason."""
        if self.ended is None:
            self._end(LinkClosed(reason))
        return self._take_events()

    def tick(self, now: float) -> list[Event]:
        """Let time pass; to be called at `deadline` or later."""
        if self.ended is not None:
            return []
        # The listening end never leaves by itself: it cannot know what the other one plans.
        in_use = bool(self._flows) or self.role is Role.LISTENING
        due = self._deadlines.check(now, in_use=in_use)
        if due is Due.PING:
            self._output.append(frames.encode_frame(frames.PING))
        elif due is not None:
            self._end(_OVERDUE[due].fresh())
        return self._take_events()

    @property
    def deadline(self) -> float:
        """The earliest time at which `tick` may have something to do."""
        return self._deadlines.next

    @property
    def has_output(self) -> bool:
        return bool(self._output or self._ready)

    def data_to_send(self, limit: int = WRITE_SIZE) -> bytes:
        """Bytes to write now: all small frames, and pieces in turn until `limit` is passed."""
        parts, self._output = self._output, []
        self._reply_bytes = 0
        size = 0
        ready = self._ready
        while ready and size < limit:
            flow = ready.popleft()
            # Ended since it got its turn: there is nothing left of it to write.
            if flow.outbox:
                size += flow.write_piece(parts)
            if flow.outbox:
                ready.append(flow)
            elif flow.closing is not None:
                parts.append(self._forget(flow, flow.closing))
        return b"".join(parts)

    # What the user of streams calls

    def open(self, info: bytes, window: int = DEFAULT_WINDOW) -> Flow:
        """Open a stream on which the peer may send `window` bytes ahead (connecting end only).

        Raises LinkClosed when the connection is over, or full.
        """
        if len(info) > frames.MAX_INFO or not 0 < window <= frames.MAX_WINDOW:
            raise ValueError("info up to 16 KiB, window from 1 byte to 1 GiB")
        if self.role is not Role.CONNECTING or not self.established:
            raise ValueError("streams are opened by the connecting end, after the handshake")
        if self.ended is not None:
            raise self.ended.fresh()
        if len(self._flows) >= self._limits.streams or self._last_id >= frames.MAX_STREAM_ID:
            raise LinkClosed(errors.TOO_MANY_STREAMS)
        self._last_id += 1
        flow = self._flows[self._last_id] = Flow(self._last_id, info, receive_window=window)
        payload = frames.NUMBER.pack(window) + info
        self._output.append(frames.encode_frame(frames.OPEN, flow.id, payload))
        self._deadlines.used()
        return flow

    def send(self, flow: Flow, message: bytes) -> bool:
        """Queue a message of 1 byte to 1 MiB; False while the stream has no credit."""
        if flow.closed is not None:
            raise flow.closed.fresh()
        was_idle = not flow.outbox
        if not flow.put(message):
            return False
        if was_idle:
            self._ready.append(flow)
        return True

    def consumed(self, flow: Flow, size: int) -> None:
        """Give `size` bytes of credit back to the peer; ValueError if so many never came."""
        if flow.closed is not None:
            return
        increment = flow.consume(size)
        if increment:
            self._output.append(frames.encode_number(frames.CREDIT, flow.id, increment))

    def close_stream(self, flow: Flow, reason: str = "") -> None:
        """End one stream. What was sent on it before still goes out; what came is dropped."""
        flow.inbox.clear()
        if flow.closed is not None:
            return
        flow.end(LinkClosed(reason or errors.CLOSED))
        if flow.outbox:
            flow.closing = reason
        else:
            self._output.append(self._forget(flow, reason))

    # The connection

    def _shake_hands(self, data: bytes, now: float) -> bytes:
        try:
            rest = self._handshake.receive(data)
        finally:
            self._collect_handshake()
        if rest is None:
            return b""
        self.established = True
        self._deadlines.established(now)
        self._events.append(Established())
        return rest

    def _collect_handshake(self) -> None:
        self._output.extend(self._handshake.outgoing)
        self._handshake.outgoing.clear()

    def _end(self, error: LinkClosed, *, goodbye: bool = True) -> None:
        self.ended = error
        self._ready.clear()
        self._tail = b""
        if self.established and goodbye:
            reason = frames.encode_reason(error.reason)
            self._output.append(frames.encode_frame(frames.CLOSE, 0, reason))
        flows, self._flows = self._flows, {}
        for flow in flows.values():
            if flow.closed is None:
                flow.end(error)
                self._events.append(StreamEnded(flow))
            flow.drop_output()
        self._events.append(Ended(error))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # Frames

    def _read_frames(self, data: bytes) -> None:
        if self._tail:
            data = self._tail + data
        offset, end = 0, len(data)
        while end - offset >= HEADER_SIZE and self.ended is None:
            kind, flags, size, stream_id = _unpack_header(data, offset)
            # A whole message is by far the most frequent frame, and passes without the table.
            if kind != DATA or flags or not 0 < size <= PIECE or not stream_id:
                check_header(kind, flags, size, stream_id)
            start = offset + HEADER_SIZE
            if start + size > end:
                break
            offset = start + size
            self._HANDLERS[kind](self, stream_id, flags, data[start:offset])
        self._tail = data[offset:]

    def _find(self, stream_id: int) -> Flow | None:
        flow = self._flows.get(stream_id)
        if flow is None and stream_id > self._last_id:
            raise LinkProtocolError("frame of a stream that was never opened")
        return flow

    def _find_accepted(self, stream_id: int) -> Flow | None:
        flow = self._flows.get(stream_id)
        if flow is None:
            return self._find(stream_id)
        if not flow.accepted:
            raise LinkProtocolError("frame of a stream that was not accepted")
        return flow

    def _forget(self, flow: Flow, reason: str) -> bytes:
        self._flows.pop(flow.id, None)
        flow.closing = None
        return frames.encode_frame(frames.CLOSE, flow.id, frames.encode_reason(reason))

    def _reply(self, frame: bytes) -> None:
        self._output.append(frame)
        self._reply_bytes += len(frame)
        if self._reply_bytes > MAX_REPLIES:
            raise LinkProtocolError("peer asks and does not read")

    def _on_open(self, stream_id: int, _flags: int, payload: bytes) -> None:
        if self.role is not Role.LISTENING:
            raise LinkProtocolError("stream opened by the listening end")
        if stream_id <= self._last_id:
            raise LinkProtocolError("stream id used before")
        window = frames.decode_number(payload, frames.MAX_WINDOW)
        self._last_id = stream_id
        if len(self._flows) >= self._limits.streams:
            reason = frames.encode_reason(errors.TOO_MANY_STREAMS)
            self._reply(frames.encode_frame(frames.CLOSE, stream_id, reason))
            return
        flow = Flow(stream_id, payload[frames.NUMBER.size :], receive_window=DEFAULT_WINDOW)
        flow.accept(window)
        self._flows[stream_id] = flow
        self._reply(frames.encode_number(frames.ACCEPT, stream_id, DEFAULT_WINDOW))
        self._events.append(Opened(flow))

    def _on_accept(self, stream_id: int, _flags: int, payload: bytes) -> None:
        if self.role is not Role.CONNECTING:
            raise LinkProtocolError("stream accepted by the connecting end")
        window = frames.decode_number(payload, frames.MAX_WINDOW)
        flow = self._find(stream_id)
        if flow is None:
            return
        if flow.accepted:
            raise LinkProtocolError("stream accepted twice")
        flow.accept(window)
        self._events.append(Accepted(flow))

    def _on_data(self, stream_id: int, flags: int, payload: bytes) -> None:
        flow = self._find_accepted(stream_id)
        if flow is None or flow.closed is not None:
            return
        if flow.take_piece(payload, flags != 0):
            self._events.append(Readable(flow))

    def _on_credit(self, stream_id: int, _flags: int, payload: bytes) -> None:
        increment = frames.decode_number(payload, frames.MAX_STREAM_ID)
        flow = self._find_accepted(stream_id)
        if flow is not None and flow.refill(increment) and flow.closed is None:
            self._events.append(Writable(flow))

    def _on_close(self, stream_id: int, _flags: int, payload: bytes) -> None:
        reason = frames.decode_reason(payload) or errors.CLOSED
        if stream_id == 0:
            self._end(LinkClosed(reason), goodbye=False)
            return
        flow = self._find(stream_id)
        if flow is None:
            return
        del self._flows[stream_id]
        flow.closing = None
        if flow.closed is None:
            flow.end(LinkClosed(reason))
            self._events.append(StreamEnded(flow))
        flow.drop_output()

    def _on_ping(self, _stream_id: int, _flags: int, _payload: bytes) -> None:
        self._reply(frames.encode_frame(frames.PONG))

    def _on_pong(self, _stream_id: int, _flags: int, _payload: bytes) -> None:
        """Nothing to do: any byte received is the sign of life that was asked for."""

    _HANDLERS: ClassVar[dict[int, Callable[["LinkCore", int, int, bytes], None]]] = {
        frames.OPEN: _on_open,
        frames.ACCEPT: _on_accept,
        frames.DATA: _on_data,
        frames.CREDIT: _on_credit,
        frames.CLOSE: _on_close,
        frames.PING: _on_ping,
        frames.PONG: _on_pong,
    }
