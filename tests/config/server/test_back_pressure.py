"""Nobody fills the memory of the server: no client that stalls, and no application that does."""

import asyncio
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.config.server.application import FLOOD_MESSAGES
from tests.config.server.conftest import MEBIBYTE, Web

CHUNK = bytes(64 * 1024)
# What the kernel's buffers of a loopback connection hold at most, on both sides, with a margin.
KERNEL = 40 * MEBIBYTE
FLAT = 30  # MiB that a process may grow by for other reasons
STALLED = 0.5  # seconds without progress
PINGS = 20_000
SENT, RECEIVED = 0, 1  # the queues of a socket in /proc/net/tcp


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_send_waits_for_a_reader_that_stalls(web: Web, scheme: str) -> None:
    name = f"stalled-{scheme}"
    before = web.resident()
    async with web.connect(f"/flood/{name}", scheme, max_queue=1) as reader:
        report = await web.progress(name, lambda report: report["waiting"] > STALLED)
        assert report["count"] * MEBIBYTE < KERNEL
        assert web.resident() < before + FLAT

        received = 0
        with suppress(ConnectionClosed):
            while True:
                received += len(await reader.recv())

    assert received == FLOOD_MESSAGES * MEBIBYTE
    assert reader.close_code == 1000
    assert web.resident() < before + FLAT


async def test_send_fails_when_a_stalled_reader_is_gone(web: Web) -> None:
    async with web.connect("/flood/gone", max_queue=1) as reader:
        await web.progress("gone", lambda report: report["waiting"] > STALLED)
        reader.transport.abort()

    report = await web.progress("gone", lambda report: report["ended"])
    assert report["error"] == "ClientDisconnected"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_client_waits_for_an_application_that_stalls(web: Web, scheme: str) -> None:
    name = f"held-{scheme}"
    before = web.resident()
    async with web.connect(f"/hold/{name}", scheme) as sender:
        sent = await send_until_it_waits(sender)
        assert sent < KERNEL
        assert web.resident() < before + FLAT

        await web.get(f"/release/{name}")
        await sender.send("end")
        assert await sender.recv() == str(sent)


def test_an_http_response_waits_for_a_reader_that_stalls(web: Web) -> None:
    before = web.resident()
    with open_socket(web) as reader:
        reader.sendall(b"GET /stream/http HTTP/1.1\r\nHost: test\r\n\r\n")
        report = asyncio.run(web.progress("http", lambda report: report["waiting"] > STALLED))
        assert report["count"] * MEBIBYTE < KERNEL
        assert web.resident() < before + FLAT

        received = 0
        while received < FLOOD_MESSAGES * MEBIBYTE:
            received += len(reader.recv(MEBIBYTE))


def test_pings_of_a_reader_that_stalls_are_not_hoarded(web: Web) -> None:
    payloads = [struct.pack("!Q", number) * 15 for number in range(PINGS)]
    with open_socket(web) as client:
        handshake(client, "/flood/pinging?then=wait")
        asyncio.run(web.progress("pinging", lambda report: report["waiting"] > STALLED))
        client.sendall(b"".join(frame(9, payload) for payload in payloads) + frame(1, b"end"))
        # Read on too early, and the server rightly answers what it takes after that.
        until_taken(client)
        pongs = pongs_until_close(client)

    assert len(pongs) < PINGS / 4
    assert pongs[-1] == payloads[-1]


def test_empty_fragments_are_not_hoarded(web: Web) -> None:
    with open_socket(web) as client:
        handshake(client, "/echo/empty")
        client.sendall(frame(2, b"", final=False) + frame(0, b"", final=False) * 5000)
        opcode, payload = read_frame(client)

    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1009))


async def send_until_it_waits(sender: ClientConnection) -> int:
    """Return how many bytes were sent; the last chunk is under way."""
    sent = 0
    with suppress(TimeoutError):
        while sent < 2 * KERNEL:
            sent += len(CHUNK)
            await asyncio.wait_for(sender.send(CHUNK), STALLED)
    return sent


def open_socket(web: Web) -> socket.socket:
    parts = urlsplit(web.url)
    client = socket.create_connection((parts.hostname, parts.port or 0), 20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def until_taken(client: socket.socket) -> None:
    """Return when the server's process has taken all that was sent from the kernel's buffers."""
    mine, its = (address[1] for address in (client.getsockname(), client.getpeername()))
    while waiting_between(mine, its, SENT) + waiting_between(its, mine, RECEIVED):
        time.sleep(0.01)


def waiting_between(local: int, remote: int, queue: int) -> int:
    """Bytes in a `queue` of the socket on `local` that is connected to `remote` (proc(5))."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local_address, remote_address, _, queues, *_ = line.split()
        ports = [int(each.rpartition(":")[2], 16) for each in (local_address, remote_address)]
        if ports == [local, remote]:
            return int(queues.split(":")[queue], 16)
    raise AssertionError("the connection is gone")


def handshake(client: socket.socket, path: str) -> None:
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A client's frame (RFC 6455, section 5.2) of at most 125 bytes, masked with zeros."""
    return bytes([final << 7 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def read_frame(client: socket.socket) -> tuple[int, bytes]:
    opcode, length = read(client, 2)
    if length == 126:
        (length,) = struct.unpack("!H", read(client, 2))
    elif length == 127:
        (length,) = struct.unpack("!Q", read(client, 8))
    return opcode & 0x0F, read(client, length)


def read(client: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        parts.append(client.recv(size))
        size -= len(parts[-1])
        assert parts[-1], "the server ended the connection"
    return b"".join(parts)


def pongs_until_close(client: socket.socket) -> list[bytes]:
    pongs: list[bytes] = []
    while True:
        opcode, payload = read_frame(client)
        if opcode == 8:
            return pongs
        if opcode == 10:
            pongs.append(payload)
