import asyncio
import ssl

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from live.simulator.front import (
    MAX_BODY,
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
