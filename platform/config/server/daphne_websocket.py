"""Daphne's WebSocket protocol, mended.

Autobahn sends no close code but 1000 and 3000 to 4999, and daphne passes on no reason; neither
waits for a slow reader or a slow application; a frame over the limit is dropped without a close.
"""

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from daphne.ws_protocol import (  # type: ignore[import-untyped]
    WebSocketFactory,
    WebSocketProtocol,
)
from twisted.internet import reactor as installed_reactor
from twisted.python.failure import Failure

from config.server import frames
from config.server.limits import (
    CLOSE_TIMEOUT,
    INBOUND_BYTES,
    MAX_FRAGMENTS,
    MAX_MESSAGE_BYTES,
    MESSAGE_OVERHEAD_BYTES,
    PING_TIMEOUT,
    ClientDisconnected,
    close_reason,
)

HANDSHAKE_TIMEOUT = 30  # seconds, above daphne's 20 for the application's accept

logger = logging.getLogger(__name__)

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

# Any: zope interfaces mean nothing to a type checker.
reactor: Any = installed_reactor


class Writable:
    """A push producer for Twisted: `writable` is clear while the transport's buffer is full."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writable = asyncio.Event()
        self.writable.set()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.writable.set()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        # Nobody will resume a lost connection; whoever waits has to find out.
        self.writable.set()


class Inbox(asyncio.Queue[Message]):
    """What a socket has received and its application has not taken.

    The socket is not read while this holds more than INBOUND_BYTES. It can be exceeded by one
    message, and by what one read from the kernel (64 KiB) still brings.
    """

    def __init__(self, protocol: "WebSocket") -> None:
        super().__init__()
        self._protocol = protocol
        self._held = 0

    def _put(self, item: Message) -> None:
        super()._put(item)
        self._held += _weight(item)
        if self._held > INBOUND_BYTES:
            self._protocol.pause_reading()

    def _get(self) -> Message:
        item: Message = super()._get()
        self._held -= _weight(item)
        if self._held <= INBOUND_BYTES // 2:
            self._protocol.resume_reading()
        return item


def _weight(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or "") + MESSAGE_OVERHEAD_BYTES


class WebSocket(Writable, WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """One socket. Autobahn calls the camel-case methods; the application sends `handle_reply`."""

    server: Any = None
    client_addr: list[Any] | None = None
    reading_paused = False
    late_pong: bytes | None = None
    fragments = 0
    abort_timer: Any = None
    autoPingTimeoutCall: Any = None  # noqa: N815 - autobahn's: while a ping is unanswered

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()
        self.refusal: tuple[int, Headers, bytearray] | None = None

    # The connection ---------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802
        # The HTTP channel that took the upgrade is still the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        if self.abort_timer is not None and self.abort_timer.active():
            self.abort_timer.cancel()
        self.writable.set()
        super().connectionLost(reason)

    def dropConnection(self, abort: bool = False) -> None:  # noqa: N802
        # After a clean goodbye a FIN: an abort sends RST, which may overtake our close frame.
        super().dropConnection(abort=abort and not self.wasClean)
        self.writable.set()
        if self.abort_timer is None:
            # A reader that stalls would keep the rest of the buffer, and the socket, for ever.
            self.abort_timer = reactor.callLater(CLOSE_TIMEOUT, self.transport.abortConnection)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        self.closed.set()
        if self.server is None:
            return  # the request was no valid handshake; no application has heard of it
        self.server.protocol_disconnected(self)
        if hasattr(self, "application_queue"):
            disconnect = {"type": "websocket.disconnect", "code": code or 1005}
            self.application_queue.put_nowait({**disconnect, "reason": reason or ""})
        self.note("disconnected")

    def note(self, action: str) -> None:
        client = "{}:{}".format(*self.client_addr) if self.client_addr else None
        self.server.log_action("websocket", action, {"path": self.request.path, "client": client})

    # From the client --------------------------------------------------------------

    def pause_reading(self) -> None:
        if not self.reading_paused:
            self.reading_paused = True
            self.transport.pauseProducing()

    def resume_reading(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resumeProducing()

    def processData(self) -> bool:  # noqa: N802
        if self.state != self.STATE_OPEN or self.current_frame or self.inside_message:
            return bool(super().processData())
        message = frames.read_message(self.data, MAX_MESSAGE_BYTES)
        if message is None or not self.take_message(*message):
            return bool(super().processData())
        return len(self.data) > 0

    def take_message(self, opcode: int, payload: bytes, rest: bytes) -> bool:
        """Give a whole message to the application; False, and nothing done, if it is no text."""
        received: Message = {"type": "websocket.receive"}
        try:
            if opcode == frames.TEXT:
                received["text"] = payload.decode()
            else:
                received["bytes"] = payload
        except UnicodeDecodeError:
            return False
        self.data = rest
        self.last_ping = time.time()
        if self.autoPingTimeoutCall is not None:
            self._cancelAutoPingTimeoutCall()  # it lives
        if not self.muted:
            self.application_queue.put_nowait(received)
        return True

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803
        self.fragments = 0
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        super().onMessageFrameBegin(length)  # fails a single frame above the limit
        self.fragments += 1
        size = self.message_data_total_length
        if self.failedByMe or (size <= MAX_MESSAGE_BYTES and self.fragments <= MAX_FRAGMENTS):
            return
        self._max_message_size_exceeded(size, MAX_MESSAGE_BYTES, "message too big")

    def onFrameData(self, payload: bytes) -> bool | None:  # noqa: N802
        # A control frame above 125 bytes has failed the connection; do not hoard its payload.
        if self.current_frame.opcode > 7 and self.current_frame.length > 125:
            return None
        result: bool | None = super().onFrameData(payload)
        return result

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        if self.writable.is_set():
            super().onPing(payload)
        else:
            # RFC 6455, section 5.5.3: only the latest ping needs its pong. Otherwise a client
            # that pings and does not read would fill our memory.
            self.late_pong = payload

    def resumeProducing(self) -> None:  # noqa: N802
        super().resumeProducing()
        if self.late_pong is not None:
            payload, self.late_pong = self.late_pong, None
            self.sendPong(payload)

    def _sendAutoPing(self) -> None:  # noqa: N802
        # Autobahn forgets the timer of a ping that is still unanswered, and that one then
        # drops a live connection.
        if self.autoPingTimeoutCall is None:
            super()._sendAutoPing()

    def onAutoPingTimeout(self) -> None:  # noqa: N802
        if self.reading_paused:
            # The pong waits behind messages that the application has not taken.
            logger.debug("A ping is unanswered, but the socket is not being read")
            self.autoPingTimeoutCall = self.autoPingPending = None
            self.last_ping = time.time()
        else:
            super().onAutoPingTimeout()

    # From the application ---------------------------------------------------------

    def is_gone(self) -> bool:
        return self.state not in {self.STATE_CONNECTING, self.STATE_OPEN}

    def handle_reply(self, message: Message) -> None:
        """Do what the application sends. Raises ClientDisconnected, ValueError."""
        kind = message["type"]
        if kind == "websocket.close":
            self.handle_close(message)
        elif self.is_gone():
            raise ClientDisconnected
        elif kind == "websocket.send" and self.state == self.STATE_OPEN:
            self.handle_send(message)
        elif kind == "websocket.accept" and hasattr(self, "handshake_deferred"):
            self.handle_accept(message)
        elif kind.startswith("websocket.http.response.") and self.state == self.STATE_CONNECTING:
            self.handle_refusal(message)
        else:
            raise ValueError(f"{kind} does not fit the state of this socket")

    def handle_accept(self, message: Message) -> None:
        subprotocol = message.get("subprotocol")
        if subprotocol is not None and subprotocol not in self.websocket_protocols:
            raise ValueError("The subprotocol accepted is none the client offered")
        headers: dict[str, list[str]] = {}
        for name, value in message.get("headers") or ():
            headers.setdefault(name.decode("latin1"), []).append(value.decode("latin1"))
        deferred = self.handshake_deferred
        del self.handshake_deferred
        deferred.callback((subprotocol, headers))

    def handle_send(self, message: Message) -> None:
        opcode, payload = frames.BINARY, message.get("bytes")
        if payload is None:
            opcode, payload = frames.TEXT, message["text"].encode()
        # Not `sendMessage`: it composes a coloured log line for each message it sends.
        self.transport.writeSequence((frames.message_head(opcode, len(payload)), bytes(payload)))

    def handle_close(self, message: Message) -> None:
        if self.state == self.STATE_CONNECTING:
            self.serverReject()
        else:
            self.serverClose(message.get("code"), message.get("reason"))

    def serverClose(self, code: int | None = None, reason: str | None = None) -> None:  # noqa: N802
        # Nobody takes messages after this, but the answer to our close has to be read.
        self.muted = True
        self.resume_reading()
        payload = close_reason(reason).encode()
        # Not `sendClose`: that one refuses the codes of RFC 6455 above 1000.
        self.sendCloseFrame(code=1000 if code is None else code, reasonUtf8=payload)

    def handle_refusal(self, message: Message) -> None:
        """Answer the handshake with HTTP (ASGI's extension `websocket.http.response`)."""
        if message["type"] == "websocket.http.response.start":
            self.refusal = (message["status"], list(message.get("headers") or ()), bytearray())
            return
        if self.refusal is None:
            raise ValueError("A response body came before its start")
        status, headers, body = self.refusal
        body += message.get("body", b"")
        if not message.get("more_body", False):
            self.refuse(status, headers, bytes(body))

    def serverReject(self) -> None:  # noqa: N802
        self.refuse(HTTPStatus.FORBIDDEN, [], b"")

    def refuse(self, status: int, headers: Headers, body: bytes) -> None:
        phrase = HTTPStatus(status).phrase.encode()
        own = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        given = [header for header in headers if header[0].lower() not in dict(own)]
        lines = [b"HTTP/1.1 %d %s" % (status, phrase), *map(b": ".join, [*given, *own]), b"", body]
        self.sendData(b"\r\n".join(lines))
        self.wasNotCleanReason = "refused by the application"
        self.dropConnection()
        self.server.protocol_disconnected(self)
        self.note("rejected")


class WebSockets(WebSocketFactory):  # type: ignore[misc]  # daphne has no types
    """The factory of the sockets above."""

    protocol: type[WebSocketServerProtocol] = WebSocket

    def __init__(self, server: Any) -> None:
        super().__init__(server, server="")
        self.setProtocolOptions(
            autoPingTimeout=PING_TIMEOUT,
            openHandshakeTimeout=HANDSHAKE_TIMEOUT,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            # Messages are held to the limit above: autobahn's own would bind our sending too.
            maxFramePayloadSize=MAX_MESSAGE_BYTES,
            failByDrop=False,
            echoCloseCodeReason=True,
        )
