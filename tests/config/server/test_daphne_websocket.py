"""The mended protocol alone, on a transport in memory. What it promises is in `test_serve`."""

import asyncio
import struct
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from config.server.daphne import DaphneServer
from config.server.daphne_websocket import WebSocket, WebSockets
from config.server.limits import INBOUND_BYTES
from tests.config.server.test_back_pressure import frame

HANDSHAKE = (
    b"GET /ws/one HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING, PONG = 9, 10


class Talk:
    """An accepted socket; the application is the test."""

    def __init__(self) -> None:
        self.transport = StringTransport()
        self.receive: Any = None
        self.send: Any = None
        self.begun = asyncio.Event()
        server = DaphneServer(self)
        self.socket: WebSocket = WebSockets(server).buildProtocol(None)
        self.socket._raw_query_string = b""  # noqa: SLF001 - handed over by daphne's request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.receive, self.send = receive, send
        self.begun.set()
        await asyncio.Event().wait()

    async def begin(self) -> "Talk":
        self.transport.registerProducer(self, streaming=True)  # as the HTTP channel has
        self.socket.makeConnection(self.transport)
        self.socket.dataReceived(HANDSHAKE)
        await self.begun.wait()
        await self.receive()
        return self

    async def accept(self) -> "Talk":
        await self.begin()
        await self.send({"type": "websocket.accept"})
        self.transport.clear()
        return self

    def opcodes(self) -> list[int]:
        """The kinds of the short frames sent since the last call."""
        data, found = self.transport.value(), []
        self.transport.clear()
        while data:
            found.append(data[0] & 0x0F)
            data = data[2 + data[1] :]
        return found

    def look_at_the_clock(self) -> None:
        """What daphne does every two seconds, long after the last ping."""
        self.socket.last_ping = 0
        self.socket.check_timeouts()


async def test_no_second_ping_while_one_is_unanswered() -> None:
    talk = await Talk().accept()

    talk.look_at_the_clock()
    ping = talk.transport.value()
    talk.look_at_the_clock()
    assert talk.opcodes() == [PING]

    talk.socket.dataReceived(frame(PONG, ping[2:]))
    talk.look_at_the_clock()
    assert talk.opcodes() == [PING]


async def test_an_unanswered_ping_ends_a_socket_only_while_it_is_read() -> None:
    talk = await Talk().accept()
    talk.look_at_the_clock()
    talk.socket.pause_reading()
    talk.socket.onAutoPingTimeout()
    assert not talk.socket.is_gone()

    talk.socket.resume_reading()
    talk.look_at_the_clock()
    talk.socket.onAutoPingTimeout()
    assert talk.socket.is_gone()


async def test_the_socket_is_read_only_while_there_is_room() -> None:
    talk = await Talk().accept()
    payload = bytes(100)
    sent = 0
    while talk.transport.producerState == "producing":
        talk.socket.dataReceived(frame(2, payload))
        sent += 1
    assert sent * len(payload) < INBOUND_BYTES

    taken = 0
    while talk.transport.producerState == "paused":
        assert await talk.receive() == {"type": "websocket.receive", "bytes": payload}
        taken += 1
    assert 0 < taken < sent


async def test_send_waits_for_the_transport_and_a_close_does_not() -> None:
    talk = await Talk().accept()
    talk.socket.pauseProducing()
    waiting = asyncio.create_task(talk.send({"type": "websocket.send", "text": "one"}))
    await asyncio.sleep(0)
    assert talk.opcodes() == []

    talk.socket.resumeProducing()
    await waiting
    assert talk.opcodes() == [1]

    talk.socket.pauseProducing()
    await talk.send({"type": "websocket.close", "code": 4429, "reason": "too slow"})
    assert talk.transport.value() == b"\x88\x0a" + struct.pack("!H", 4429) + b"too slow"


async def test_a_control_frame_too_long_is_not_hoarded() -> None:
    talk = await Talk().accept()
    talk.socket.dataReceived(bytes([0x80 | PING, 0x80 | 127]) + struct.pack("!Q", 1 << 40))
    talk.socket.dataReceived(bytes(4) + bytes(60_000))
    talk.socket.dataReceived(bytes(60_000))

    assert talk.socket.control_frame_data == []
    assert talk.transport.value()[2:4] == struct.pack("!H", 1002)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "websocket.accept", "subprotocol": "mine"}, "none the client offered"),
        ({"type": "websocket.send", "text": "early"}, r"websocket\.send does not fit"),
        ({"type": "websocket.http.response.body"}, "before its start"),
        ({"type": "http.response.start"}, "does not fit"),
    ],
)
async def test_misuse_before_the_accept_is_an_error(message: dict[str, Any], text: str) -> None:
    talk = await Talk().begin()

    with pytest.raises(ValueError, match=text):
        await talk.send(message)


async def test_sending_after_the_close_fails() -> None:
    talk = await Talk().accept()
    await talk.send({"type": "websocket.close"})

    with pytest.raises(OSError):  # noqa: PT011 - ASGI promises no text
        await talk.send({"type": "websocket.send", "text": "late"})
    await talk.send({"type": "websocket.close"})
