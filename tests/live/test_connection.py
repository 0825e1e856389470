"""One WebSocket to a real server: how it is written to, and how it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection

from live import connection as module
from live.connection import Connection
from live.errors import NetworkError, ProtocolError, ProviderError
from live.handshake import DirectConnect, open_socket
from live.outbox import Outbox
from tests.live.peer import Peer, Play, serving

MORE_THAN_THE_KERNEL_TAKES = b"x" * 32 * 1024 * 1024


@asynccontextmanager
async def connected(play: Play) -> AsyncIterator[tuple[Peer, Connection, Outbox]]:
    async with serving(play) as peer:
        socket = await open_socket(
            peer.endpoint, {}, ssl=None, connector=DirectConnect, open_timeout=5
        )
        outbox = Outbox(total_bytes=2 * len(MORE_THAN_THE_KERNEL_TAKES))
        connection = Connection(socket, outbox)
        try:
            yield peer, connection, outbox
        finally:
            await connection.closed()


async def hear_all(peer: Peer, socket: ServerConnection) -> None:
    async for message in socket:
        peer.messages.append({"text": message})
        async with peer.changed:
            peer.changed.notify_all()


async def test_the_first_message_goes_out_before_what_waits() -> None:
    async with connected(hear_all) as (peer, connection, outbox):
        outbox.put(b"waiting")
        await connection.send(b"setup")
        connection.start_writing()
        await peer.hear_until(lambda messages: len(messages) == 2)
        assert connection.write(b"at once")
        outbox.put(b"later")
        connection.wake()
        await peer.hear_until(lambda messages: len(messages) == 4)
    texts = [message["text"] for message in peer.messages]
    assert texts == ["setup", "waiting", "at once", "later"]


async def test_nothing_overtakes_what_waits() -> None:
    async with connected(hear_all) as (_, connection, outbox):
        outbox.put(b"waiting")
        assert not connection.write(b"at once")


async def test_a_socket_that_is_behind_takes_nothing_at_once() -> None:
    done = asyncio.Event()

    async def stall(_: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await done.wait()
        socket.transport.abort()

    async with connected(stall) as (_, connection, _):
        assert connection.write(MORE_THAN_THE_KERNEL_TAKES)
        assert not connection.write(b"later")
        done.set()


async def test_the_end_is_an_error_of_its_branch() -> None:
    async def fail(_: Peer, socket: ServerConnection) -> None:
        await socket.send("last words")
        await socket.close(1011, "Internal error encountered.")

    async with connected(fail) as (_, connection, _):
        assert await connection.receive() == b"last words"
        with pytest.raises(ProviderError) as caught:
            await connection.receive()
        assert caught.value.status == 1011
        await connection.send(b"into the void")
        with pytest.raises(ProviderError):
            await connection.receive()


async def test_a_connection_that_breaks_is_a_network_error() -> None:
    async def abort(_: Peer, socket: ServerConnection) -> None:
        socket.transport.abort()

    async with connected(abort) as (_, connection, _):
        with pytest.raises(NetworkError):
            await connection.receive()


async def test_a_frame_over_the_limit_is_the_service_s_fault() -> None:
    async def flood(_: Peer, socket: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await socket.send(b" " * 5_000_000)
        await socket.wait_closed()

    async with connected(flood) as (_, connection, _):
        with pytest.raises(ProtocolError) as caught:
            await connection.receive()
        assert caught.value.status == 1009


async def test_what_still_comes_while_it_closes_is_received() -> None:
    async def last_words(_: Peer, socket: ServerConnection) -> None:
        await socket.recv()
        for number in range(50):  # more than the library reads ahead
            await socket.send(f"{number}")
        await socket.wait_closed()

    async with connected(last_words) as (peer, connection, _):
        await connection.send(b"go on")
        first = await connection.receive()
        connection.begin_close()
        received, status = [first], None
        while status is None:
            try:
                received.append(await connection.receive())
            except ProviderError as end:
                status = end.status
        assert status == 1000
        assert peer.sockets[0].close_code == 1000
    assert received == [str(number).encode() for number in range(len(received))]


async def test_a_peer_that_takes_no_bytes_does_not_hold_up_the_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.1)
    done = asyncio.Event()

    async def stall(_: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await done.wait()
        socket.transport.abort()

    async with connected(stall) as (_, connection, _):
        connection.write(MORE_THAN_THE_KERNEL_TAKES)
        async with asyncio.timeout(5):
            await connection.closed()
        done.set()


async def test_closing_twice_and_after_the_end_does_no_harm() -> None:
    async def leave(_: Peer, socket: ServerConnection) -> None:
        await socket.close()

    async with connected(leave) as (_, connection, _):
        connection.start_writing()
        with pytest.raises(ProviderError):
            await connection.receive()
        await connection.closed()
        await connection.closed()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not names & {"live writer", "live closing"}
