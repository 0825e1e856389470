import asyncio
import socket

import pytest

from conversations.link import Limits, LinkClosed, LinkPool, LinkStream, listen
from conversations.link.handshake import Role
from tests.conversations.link.pair import SECRET, HandPeer
from tests.conversations.link.sites import TCP, Site


class SlowServer:
    """Counts callers, and answers them when the test lets it."""

    def __init__(self) -> None:
        self.callers = 0
        self.called = asyncio.Event()
        self.left = asyncio.Event()
        self.reasons: list[str] = []
        self.answer = asyncio.Event()
        self.done = asyncio.Event()
        self.accept_streams = True

    async def __aenter__(self) -> "SlowServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"tcp://{host}:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.done.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        self.called.set()
        await self.answer.wait()
        peer = HandPeer(Role.LISTENING, reader, writer)
        await peer.exchange(lambda: peer.core.established and not self.accept_streams)
        if peer.core.ended is not None:
            self.reasons.append(peer.core.ended.reason)
            self.left.set()
        await self.done.wait()
        await peer.close()


async def test_one_connection_carries_all_streams_to_an_address() -> None:
    async with SlowServer() as server:
        pool = LinkPool(SECRET)
        openings = [asyncio.create_task(pool.open(server.address, b"")) for _ in range(20)]
        server.answer.set()
        streams = await asyncio.gather(*openings)
        streams.append(await pool.open(server.address, b"later"))
        assert server.callers == 1
        assert len({id(stream) for stream in streams}) == 21
        await pool.aclose()


async def test_a_waiter_that_gives_up_does_not_take_the_connection_along() -> None:
    async with SlowServer() as server:
        pool = LinkPool(SECRET)
        first = asyncio.create_task(pool.open(server.address, b""))
        second = asyncio.create_task(pool.open(server.address, b""))
        await asyncio.sleep(0)
        first.cancel()
        server.answer.set()
        assert not (await second).closed
        with pytest.raises(asyncio.CancelledError):
            await first
        await pool.aclose()


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pool = LinkPool(SECRET)
    with pytest.raises(LinkClosed, match="connect-failed") as caught:
        await pool.open(f"tcp://127.0.0.1:{port}", b"")
    assert isinstance(caught.value.__cause__, OSError)
    await pool.aclose()


async def test_a_peer_that_does_not_answer() -> None:
    async with SlowServer() as server:
        pool = LinkPool(SECRET, timeout=0.05)
        with pytest.raises(LinkClosed, match="connect-timeout"):
            await pool.open(server.address, b"")
        server.answer.set()
        await pool.aclose()


async def test_a_peer_that_does_not_accept() -> None:
    async with SlowServer() as server:
        server.accept_streams = False
        server.answer.set()
        pool = LinkPool(SECRET, timeout=0.05)
        with pytest.raises(LinkClosed, match="open-timeout"):
            await pool.open(server.address, b"")
        await pool.aclose()


async def test_a_new_connection_after_the_old_one_broke() -> None:
    accepted: asyncio.Queue[LinkStream] = asyncio.Queue()
    listener = await listen(accepted.put_nowait, host="127.0.0.1", port=0, secret=SECRET)
    pool = LinkPool(SECRET)
    stream = await pool.open(listener.address, b"")
    await listener.aclose()
    with pytest.raises(LinkClosed):
        await stream.receive()
    port = int(listener.address.rpartition(":")[2])
    again = await listen(accepted.put_nowait, host="127.0.0.1", port=port, secret=SECRET)
    assert (await pool.open(again.address, b"second")).info == b"second"
    await pool.aclose()
    await again.aclose()


async def test_an_unused_connection_is_left() -> None:
    async with SlowServer() as server:
        server.answer.set()
        pool = LinkPool(SECRET, limits=Limits(ping=0.01, unused=0.02))
        (await pool.open(server.address, b"")).close()
        await server.left.wait()
        assert server.reasons == ["unused"]
        await pool.open(server.address, b"")
        assert server.callers == 2
        await pool.aclose()


async def test_a_closed_pool_opens_nothing_and_leaves_nobody_waiting() -> None:
    async with SlowServer() as server:
        pool = LinkPool(SECRET)
        opening = asyncio.create_task(pool.open(server.address, b""))
        await server.called.wait()
        await pool.aclose()
        for attempt in (opening, pool.open(server.address, b"")):
            with pytest.raises(LinkClosed, match="pool-closed"):
                await attempt
        server.answer.set()


@pytest.mark.parametrize("window", [0, (1 << 30) + 1])
def test_windows_have_bounds(window: int) -> None:
    async def scenario(site: Site) -> None:
        with pytest.raises(ValueError, match="window"):
            await site.open(window=window)

    TCP.run(scenario)
