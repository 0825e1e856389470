"""One port for WebSockets and for plain HTTP with bodies.

`websockets` serves the WebSocket handshake and reads no request body. So the first
bytes decide: a GET stays with it (`answering_gets` answers those that open no WebSocket),
any other request goes to a small HTTP/1.1 exchange on h11, which answers once and closes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import h11
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C, if it is built
from websockets.http11 import Request, Response
from websockets.protocol import State

MAX_BODY = 1024 * 1024  # the setup in a token may hold a long instruction and many tools
JSON_TYPE = "application/json; charset=UTF-8"
REQUEST_TIMEOUT_S = 10.0
_GET = b"GET "
# The head of a masked frame with a whole text of 126 to 65,535 bytes (RFC 6455, 5.2): two bytes
# that say so, two of its size, four of the mask.
_WHOLE_TEXT = b"\x81\xfe"
_HEAD_SIZE = 8


@dataclass(frozen=True)
class HttpRequest:
    """A whole request; `target` is the path with its query, `headers` know no case."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=Headers)


@dataclass(frozen=True)
class HttpResponse:
    """A JSON answer; `location` is where it sends a browser, "" for nowhere."""

    status: int
    body: bytes
    location: str = ""


Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]


class FrontConnection(ServerConnection):
    """A connection that is given to the WebSocket or to the HTTP side by its first bytes.

    While `hear` is set, it is called with each text that came in one frame and has nothing
    before it that waits to be read, instead of waking who waits in `recv`: that way a message
    costs a fifth of its way through frame object, queue, future and task. When it returns False
    it took nothing, and this message and those behind it are for `recv`.
    """

    answer: Answer
    heard_at: float = 0.0  # the monotonic time of the last byte from the client
    hear: Callable[[str], bool] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The WebSocket side begins with the first bytes: see data_received.
        self._waiting = cast(asyncio.Transport, transport)
        self._first = b""
        self._chosen = False
        self._impatience = self.loop.call_later(REQUEST_TIMEOUT_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._impatience.cancel()
        if self._chosen:
            super().connection_lost(exc)

    def eof_received(self) -> None:
        if self._chosen:
            super().eof_received()

    def data_received(self, data: bytes) -> None:
        if self._chosen:
            self.heard_at = time.monotonic()
            data = self._pass_on(data)
            if data:
                super().data_received(data)
            return
        self._first += data
        if len(self._first) >= len(_GET):
            self._impatience.cancel()
            self._choose()

    def _pass_on(self, data: bytes) -> bytes:
        """Give the texts at the beginning of `data` to `hear`; return what is left."""
        while self.hear is not None and data.startswith(_WHOLE_TEXT) and self._all_is_read():
            end = _HEAD_SIZE + int.from_bytes(data[2:4], "big")
            if end > len(data):
                break
            try:
                text = apply_mask(data[_HEAD_SIZE:end], data[4:_HEAD_SIZE]).decode()
            except UnicodeDecodeError:
                break  # `recv` refuses it
            if not self.hear(text):
                break
            data = data[end:]
        return data

    def _all_is_read(self) -> bool:
        protocol = self.protocol
        # websockets 15 and 16, on which older SDKs run, have another name for it.
        size = getattr(protocol, "current_size", getattr(protocol, "cur_size", None))
        partly_there = protocol.reader.buffer or size is not None
        return protocol.state is State.OPEN and not partly_there and not self.recv_messages.frames

    def _choose(self) -> None:
        first, self._first = self._first, b""
        if first.startswith(_GET):
            self._chosen = True
            super().connection_made(self._waiting)
            super().data_received(first)
            return
        exchange = HttpExchange(self.answer)
        self._waiting.set_protocol(exchange)
        exchange.connection_made(self._waiting)
        exchange.data_received(first)


def answering(answer: Answer) -> type[FrontConnection]:
    """Return the class of connections whose plain HTTP requests `answer` answers."""

    class Answering(FrontConnection):
        pass

    Answering.answer = staticmethod(answer)
    return Answering


def answering_gets(
    answer: Answer,
    is_socket: Callable[[str], bool],
    refuse: Callable[[HttpRequest], HttpResponse | None] = lambda _request: None,
) -> Callable[[ServerConnection, Request], Awaitable[Response | None]]:
    """Return the `process_request` that lets `answer` answer a GET of any other path.

    `is_socket` tells from a request target whether a WebSocket is there; `refuse` may answer
    a handshake there.
    """

    async def process(connection: ServerConnection, request: Request) -> Response | None:
        headers = _first_of_each(request.headers.raw_items())
        asked = HttpRequest("GET", request.path, headers=headers)
        answered = refuse(asked) if is_socket(request.path) else await answer(asked)
        if answered is None:
            return None
        response = connection.respond(answered.status, answered.body.decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = JSON_TYPE
        if answered.location:
            response.headers["Location"] = answered.location
        return response

    return process


def _first_of_each(headers: Iterable[tuple[str, str]]) -> Headers:
    # A name that comes twice would make `Headers` raise when it is looked up.
    found = Headers()
    for name, value in headers:
        if name not in found:
            found[name] = value
    return found


class HttpExchange(asyncio.Protocol):
    """Reads one request of at most `MAX_BODY` bytes, answers it, closes."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._impatience = loop.call_later(REQUEST_TIMEOUT_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._impatience.cancel()
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        try:
            self._read()
        except h11.RemoteProtocolError:
            self._transport.close()

    def _read(self) -> None:
        while True:
            event: Any = self._http.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY:
                    self._respond(HttpResponse(413, b"{}"))
                    return
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                self._answering = asyncio.create_task(self._answer_to(self._request))
                return
            else:
                return

    async def _answer_to(self, request: h11.Request) -> None:
        raw = ((name.decode(), value.decode("latin-1")) for name, value in request.headers)
        target = request.target.decode("latin-1")
        whole = HttpRequest(request.method.decode(), target, self._body, _first_of_each(raw))
        self._respond(await self._answer(whole))

    def _respond(self, response: HttpResponse) -> None:
        headers = [
            ("Content-Type", JSON_TYPE),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        self._send(h11.Response(status_code=response.status, headers=headers))
        self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())
        self._transport.close()

    def _send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)
