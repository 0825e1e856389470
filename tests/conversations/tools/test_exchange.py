import asyncio

import pytest

from conversations.tools.exchange import Broken, Request, TooLarge, ask
from tests.conversations.tools.shop import egress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


async def said(answer: bytes, *, most: int = 100) -> tuple[int, bytes]:
    """What is understood of a server that says one thing to everybody, and then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        allowed = egress()
        target = allowed.check(f"http://127.0.0.1:{port}/x?y=1")
        found = await ask(allowed, Request("GET", target, {}), most)
    return found.status, found.body


async def test_whole_answers() -> None:
    assert await said(HEAD + b"Content-Length: 2\r\n\r\nhi") == (200, b"hi")
    assert await said(HEAD + b"\r\nuntil the end") == (200, b"until the end")
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    assert await said(chunked) == (200, b"hi!")
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n"
    assert await said(early) == (200, b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        HEAD,
        HEAD + b"Content-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_what_breaks(answer: bytes) -> None:
    with pytest.raises(Broken) as caught:
        await said(answer)
    assert "127.0.0.1" in caught.value.summary


async def test_the_size_is_bounded_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        await said(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 200)
    with pytest.raises(TooLarge):
        await said(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + b"x" * 255 + b"\r\n")
