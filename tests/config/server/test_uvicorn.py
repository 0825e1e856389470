"""Uvicorn for `lifecycle.run`, in this process. What both servers promise is in `test_serve`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from config.server.sockets import Endpoint, bind
from config.server.uvicorn import UvicornServer
from tests.config.server.application import Application


@pytest.fixture
async def served() -> AsyncIterator[tuple[UvicornServer, str]]:
    """A running server and its address."""
    server = UvicornServer(Application())
    listeners = bind([Endpoint()])
    netloc = listeners[0].url.removeprefix("http://")
    await server.start(listeners)
    yield server, netloc
    await server.stop_listening()
    await server.cut()


async def open_connection(netloc: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = netloc.split(":")
    return await asyncio.open_connection(host, int(port))


async def test_responses_have_a_date_and_name_no_server(served: tuple[Any, str]) -> None:
    reader, writer = await open_connection(served[1])
    writer.write(b"GET /path/one HTTP/1.1\r\nHost: test\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    writer.close()

    assert b"\r\ndate: " in head
    assert b"\r\nserver: " not in head


async def test_drain_ends_idle_connections_and_no_running_ones(
    served: tuple[UvicornServer, str],
) -> None:
    server, netloc = served
    idle, writer = await open_connection(netloc)
    writer.write(b"GET /path/one HTTP/1.1\r\nHost: test\r\n\r\n")
    await idle.readuntil(b"/path/one")

    async with connect(f"ws://{netloc}/linger/one") as socket:
        assert await socket.recv() == "running"
        await server.stop_listening()
        assert await idle.read() == b""
        writer.close()
        assert len(server.running()) == 1
        await server.cut()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd == Close(1001, "server draining")
    assert server.running() == set()
