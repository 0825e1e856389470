import asyncio
import ssl

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from live.simulator.front import (
    MAX_BODY,
    FrontConnection,
    HttpRequest,
    HttpResponse,
    answering,
    answering_gets,
)

SEEN: list[HttpRequest] = []


async def answer(request: HttpRequest) -> HttpResponse:
    SEEN.append(request)
    return HttpResponse(201, b'{"size": %d}' % len(request.body))


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def exchange(port: int, pieces: list[bytes], context: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(5):
        received = await reader.read()
    writer.close()
    return received


def request(body: bytes, method: str = "POST", extra: str = "") -> bytes:
    head = f"{method} /token?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def test_one_port_serves_http_with_a_body_and_web_sockets() -> None:
    SEEN.clear()
    async with serve(echo, "127.0.0.1", 0, create_connection=answering(answer)) as server:
        port = server.sockets[0].getsockname()[1]
        received = await exchange(port, [request(b"x" * 1000)])
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            await socket.send("still here")
            assert await socket.recv() == "still here"
    assert received.startswith(b"HTTP/1.1 201 ")
    assert received.endswith(b'\r\n\r\n{"size": 1000}')
    assert [(seen.method, seen.target, seen.body) for seen in SEEN] == [
        ("POST", "/token?a=b", b"x" * 1000)
    ]
    assert SEEN[0].headers["host"] == "h"


async def test_requests_in_pieces_and_other_methods() -> None:
    whole = request(b"abc")
    async with serve(echo, "127.0.0.1", 0, create_connection=answering(answer)) as server:
        port = server.sockets[0].getsockname()[1]
        pieces = [whole[:2], whole[2:9], whole[9:-1], whole[-1:]]
        assert b'{"size": 3}' in await exchange(port, pieces)
        assert b'{"size": 0}' in await exchange(port, [request(b"", "DELETE")])
        continued = await exchange(port, [request(b"", extra="Expect: 100-continue\r\n")])
        assert b" 201 " in continued


async def test_a_body_that_is_too_long_and_no_http_at_all() -> None:
    async with serve(echo, "127.0.0.1", 0, create_connection=answering(answer)) as server:
        port = server.sockets[0].getsockname()[1]
        assert b" 413 " in await exchange(port, [request(b"x" * (MAX_BODY + 1))])
        assert await exchange(port, [b"nonsense\r\n\r\n"]) == b""
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()  # without a word
        await writer.wait_closed()


@pytest.mark.parametrize("body", [b"", b"x" * 5000])
async def test_the_same_over_tls(body: bytes) -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    listening = serve(echo, "127.0.0.1", 0, ssl=server_context, create_connection=answering(answer))
    async with listening as server:
        port = server.sockets[0].getsockname()[1]
        received = await exchange(port, [request(body)], client_context)
    assert received.endswith(b'{"size": %d}' % len(body))


async def test_a_get_that_opens_no_web_socket_is_answered_too() -> None:
    SEEN.clear()
    listening = serve(
        echo,
        "127.0.0.1",
        0,
        create_connection=answering(answer),
        process_request=answering_gets(answer, lambda target: target == "/live"),
    )
    async with listening as server:
        port = server.sockets[0].getsockname()[1]
        extra = "X-Twice: one\r\nX-Twice: two\r\n"
        received = await exchange(port, [f"GET /list HTTP/1.1\r\nHost: h\r\n{extra}\r\n".encode()])
        async with connect(f"ws://127.0.0.1:{port}/live") as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
    assert received.startswith(b"HTTP/1.1 201 ")
    assert b"Content-Type: application/json" in received
    assert received.endswith(b'{"size": 0}')
    assert [(seen.method, seen.target) for seen in SEEN] == [("GET", "/list")]
    assert SEEN[0].headers["x-twice"] == "one"


async def test_a_client_that_leaves_ends_its_answer() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(_request: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return HttpResponse(200, b"{}")

    async with serve(echo, "127.0.0.1", 0, create_connection=answering(slow)) as server:
        port = server.sockets[0].getsockname()[1]
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"x"))
        async with asyncio.timeout(5):
            await begun.wait()
            writer.close()
            await ended.wait()
    assert ended.is_set()


async def test_an_answer_may_send_a_browser_elsewhere() -> None:
    async def elsewhere(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(302, b"{}", "http://127.0.0.1:1/?code=x")

    async with serve(
        echo,
        "127.0.0.1",
        0,
        create_connection=answering(elsewhere),
        process_request=answering_gets(elsewhere, lambda _target: False),
    ) as server:
        port = server.sockets[0].getsockname()[1]
        received = await exchange(port, [b"GET /auth HTTP/1.1\r\nHost: h\r\n\r\n"])
    assert received.startswith(b"HTTP/1.1 302 ")
    assert b"Location: http://127.0.0.1:1/?code=x\r\n" in received


async def heard_and_received(
    pieces: list[list[bytes]], *, takes: bool = True
) -> tuple[list[str], list[str | bytes]]:
    """Let a server read these pieces; return what `hear` was given, and what `recv`.

    Those of one list come one right after the other; then `recv` has its turn.
    """
    heard: list[str] = []
    received: list[str | bytes] = []
    connections: list[FrontConnection] = []
    gone = asyncio.Event()

    def hear(text: str) -> bool:
        heard.append(text)
        return takes

    async def listen(socket: ServerConnection) -> None:
        assert isinstance(socket, FrontConnection)
        connections.append(socket)
        socket.hear = hear
        received.extend([message async for message in socket])
        gone.set()

    async with (
        serve(listen, "127.0.0.1", 0, create_connection=answering(answer)) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as socket,
    ):
        for together in pieces:
            await (await socket.ping())
            for piece in together:
                # A socket might cut it into others.
                connections[0].data_received(piece)
        await socket.close()
        await gone.wait()
    return heard, received


def masked(text: str | bytes, *, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return Frame(opcode, data, fin).serialize(mask=True)


LONG, LONGER = "a" * 126, "b" * 65535


async def test_whole_texts_are_heard_at_once_several_in_a_row_too() -> None:
    pieces = [[masked(LONG)], [masked(LONGER) + masked(LONG + "é")]]
    assert await heard_and_received(pieces) == ([LONG, LONGER, LONG + "é"], [])


@pytest.mark.parametrize("text", ["", "c" * 125, "d" * 65536])
async def test_rare_sizes_and_binary_messages_are_for_recv(text: str) -> None:
    binary = masked(LONG, opcode=Opcode.BINARY)
    assert await heard_and_received([[masked(text)], [binary]]) == ([], [text, LONG.encode()])


async def test_what_follows_a_message_for_recv_does_not_overtake_it() -> None:
    pieces = [[masked("short"), masked(LONG)], [masked(LONG)]]
    assert await heard_and_received(pieces) == ([LONG], ["short", LONG])


async def test_nothing_comes_into_the_middle_of_a_message_in_fragments() -> None:
    first = masked(LONG, fin=False)
    rest = masked("!", opcode=Opcode.CONT)
    heard, received = await heard_and_received([[first], [rest], [masked(LONG)]])
    assert (heard, received) == ([LONG], [LONG + "!"])


async def test_what_is_not_taken_is_for_recv() -> None:
    heard, received = await heard_and_received([[masked(LONG)], [masked(LONGER)]], takes=False)
    assert heard == received == [LONG, LONGER]


async def test_a_frame_in_pieces_is_read_in_its_turn() -> None:
    whole = masked(LONG)
    pieces = [[whole[:20], whole[20:] + masked(LONGER)], [masked(LONG)]]
    assert await heard_and_received(pieces) == ([LONG], [LONG, LONGER])


async def test_a_text_that_is_no_utf_8_is_refused() -> None:
    async with (
        serve(echo, "127.0.0.1", 0, create_connection=answering(answer)) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as socket,
    ):
        next(iter(server.connections)).hear = lambda _text: True  # type: ignore[attr-defined]
        socket.transport.write(masked(b"\xff" * 200))
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1007
