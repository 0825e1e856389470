import asyncio
import gc
import os
import sys
from pathlib import Path

import pytest

from conversations.link import Limits, LinkClosed, LinkPool, LinkStream, listen, listen_memory
from conversations.link.frames import MAX_MESSAGE
from conversations.link.handshake import Role
from tests.conversations.link.pair import SECRET, HandPeer
from tests.conversations.link.sites import KINDS, TCP, TCP_UVLOOP, Kind, Site

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
every_loop = pytest.mark.parametrize("kind", [TCP, TCP_UVLOOP], ids=lambda kind: kind.name)


async def read(stream: LinkStream, count: int) -> list[bytes]:
    messages = []
    for _ in range(count):
        messages.append(await stream.receive())
        stream.consumed(len(messages[-1]))
    return messages


async def fill(stream: LinkStream, message: bytes) -> int:
    """Send until there is no room, a message a tick; how many went."""
    sent = 0
    while stream.send_nowait(message):
        sent += 1
        await asyncio.sleep(0)
    return sent


@every_kind
def test_messages_of_all_sizes_both_ways(kind: Kind) -> None:
    messages = [os.urandom(size) for size in (1, 3200, 16_384, 16_385, 300_000, MAX_MESSAGE)]

    async def send_all(stream: LinkStream) -> None:
        for message in messages:
            await stream.send(message)

    async def scenario(site: Site) -> None:
        web, worker = await site.open(b"conversation")
        assert worker.info == b"conversation"
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(web))
            group.create_task(send_all(worker))
            up = group.create_task(read(worker, len(messages)))
            down = group.create_task(read(web, len(messages)))
        assert up.result() == messages
        assert down.result() == messages

    kind.run(scenario)


@every_kind
def test_thousands_of_messages_in_one_tick(kind: Kind) -> None:
    messages = [f"message {number}".encode() for number in range(5000)]

    async def scenario(site: Site) -> None:
        web, worker = await site.open()
        assert all(worker.send_nowait(message) for message in messages)
        assert await read(web, len(messages)) == messages
        assert web.receive_nowait() is None

    kind.run(scenario)


@every_kind
def test_a_stalled_reader_holds_up_only_itself(kind: Kind) -> None:
    async def scenario(site: Site) -> None:
        stalled_web, stalled_worker = await site.open(window=50_000)
        web, worker = await site.open()
        assert await fill(stalled_worker, bytes(10_000)) == 5
        for number in range(200):
            await worker.send(b"%d" % number + bytes(20_000))
            message = await web.receive()
            assert message.startswith(b"%d\0" % number)
            web.consumed(len(message))
        assert not stalled_worker.send_nowait(b"still no room")
        assert len(await read(stalled_web, 5)) == 5
        await stalled_worker.send(b"room again")
        assert await stalled_web.receive() == b"room again"

    kind.run(scenario)


@every_kind
def test_a_closed_stream_leaves_the_others(kind: Kind) -> None:
    async def scenario(site: Site) -> None:
        web, worker = await site.open()
        other_web, other_worker = await site.open()
        worker.send_nowait(b"last words")
        worker.close("handed over")
        assert await web.receive() == b"last words"
        with pytest.raises(LinkClosed, match="handed over"):
            await web.receive()
        await other_worker.send(b"still here")
        assert await other_web.receive() == b"still here"

    kind.run(scenario)


@every_kind
def test_the_end_of_the_listener_ends_all_streams_at_once(kind: Kind) -> None:
    async def scenario(site: Site) -> None:
        ends = [await site.open() for _ in range(3)]
        readers = [asyncio.create_task(web.receive()) for web, _ in ends]
        await asyncio.sleep(0)
        await site.listener.aclose()
        for reader in readers:
            with pytest.raises(LinkClosed, match="listener-closed"):
                await reader
        for _, worker in ends:
            with pytest.raises(LinkClosed, match="listener-closed"):
                worker.send_nowait(b"x")

    kind.run(scenario)


async def test_a_fault_in_accept_costs_one_stream(caplog: pytest.LogCaptureFixture) -> None:
    accepted: list[LinkStream] = []

    def accept(stream: LinkStream) -> None:
        if stream.info == b"bad":
            raise ValueError("no such conversation")
        accepted.append(stream)

    listener = listen_memory(accept)
    pool = LinkPool(SECRET)
    good = await pool.open(listener.address, b"good")
    bad = await pool.open(listener.address, b"bad")
    with pytest.raises(LinkClosed, match="accept-failed"):
        await bad.receive()
    await accepted[0].send(b"fine")
    assert await good.receive() == b"fine"
    assert [record.message for record in caplog.records] == ["accepting a link stream failed"]
    await pool.aclose()
    await listener.aclose()


@every_loop
def test_a_peer_that_stops_reading_makes_senders_wait(kind: Kind) -> None:
    """The window is large, so that only the transport's own bound can stop the sender."""
    message = os.urandom(65_536)

    async def scenario(site: Site) -> None:
        peer = await HandPeer.dial(site.listener.address)
        flow = await peer.open(window=1 << 30)
        worker = await site.accepted.get()
        sent = await fill(worker, message)
        waiting = asyncio.create_task(worker.wait_writable())
        await asyncio.sleep(0)
        assert not waiting.done()
        # Kernel buffers of loopback hold a few MB; the rest of the GiB of credit stays unused.
        assert sent * len(message) < 64 * 1024 * 1024
        await peer.exchange(lambda: len(flow.inbox) == sent)
        assert all(received == message for received in flow.inbox)
        await waiting
        assert worker.send_nowait(b"on it goes")
        await peer.exchange(lambda: len(flow.inbox) > sent)
        assert flow.inbox[-1] == b"on it goes"
        await peer.close()

    kind.run(scenario)


@every_loop
def test_an_ended_connection_does_not_wait_for_a_peer_that_stopped_reading(kind: Kind) -> None:
    async def scenario(site: Site) -> None:
        peer = await HandPeer.dial(site.listener.address)
        await peer.open(window=1 << 30)
        worker = await site.accepted.get()
        await fill(worker, bytes(65_536))
        await site.listener.aclose()
        with pytest.raises(LinkClosed, match="listener-closed"):
            await worker.receive()
        peer.writer.transport.abort()

    kind.run(scenario)


KILLED = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from conversations.link.frames import DATA, HEADER, MORE, PIECE
from tests.conversations.link.pair import HandPeer

async def main():
    peer = await HandPeer.dial(sys.argv[1])
    flow = await peer.open()
    peer.core.send(flow, b"whole")
    piece = HEADER.pack(DATA, MORE, PIECE, flow.id) + bytes(PIECE)
    peer.writer.write(peer.core.data_to_send() + piece)
    await peer.reader.read()

asyncio.run(main())
"""


@every_loop
def test_a_peer_killed_in_the_middle_of_a_message(kind: Kind) -> None:
    root = str(Path(__file__).parents[3])

    async def scenario(site: Site) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, site.listener.address, root
        )
        worker = await site.accepted.get()
        assert await worker.receive() == b"whole"
        child.kill()
        with pytest.raises(LinkClosed, match="connection-lost"):
            await worker.receive()
        with pytest.raises(LinkClosed, match="connection-lost"):
            await worker.send(b"x")
        await child.wait()

    kind.run(scenario)


async def test_bytes_that_are_no_frame_end_the_connection_with_a_reason() -> None:
    accepted: asyncio.Queue[LinkStream] = asyncio.Queue()
    listener = await listen(accepted.put_nowait, host="127.0.0.1", port=0, secret=SECRET)
    peer = await HandPeer.dial(listener.address)
    await peer.open()
    peer.writer.write(b"\xff" * 100)
    await peer.exchange(lambda: peer.core.ended)
    assert peer.core.ended is not None
    assert peer.core.ended.reason == "unknown frame type"
    with pytest.raises(LinkClosed, match="unknown frame type"):
        await (await accepted.get()).receive()
    assert await peer.reader.read() == b""
    await peer.close()
    await listener.aclose()


async def test_a_peer_that_falls_silent_is_noticed() -> None:
    served = asyncio.Event()

    async def hear_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = HandPeer(Role.LISTENING, reader, writer)
        await peer.exchange(lambda: peer.opened)
        await served.wait()
        await peer.close()

    server = await asyncio.start_server(hear_once, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    pool = LinkPool(SECRET, limits=Limits(ping=0.02, dead=0.06))
    stream = await pool.open(f"tcp://{host}:{port}", b"")
    with pytest.raises(LinkClosed, match="peer-silent"):
        await stream.receive()
    served.set()
    await pool.aclose()
    server.close()
    await server.wait_closed()


async def use_and_close(site: Site) -> None:
    web, worker = await site.open()
    web.send_nowait(b"x" * 1000)
    web.close()
    with pytest.raises(LinkClosed):
        await read(worker, 2)


def streams_in_memory() -> int:
    """Those of tests before this one too, which a traceback may still hold."""
    gc.collect()
    return sum(type(obj) is LinkStream for obj in gc.get_objects())


async def test_a_finished_stream_leaves_nothing_behind() -> None:
    before = streams_in_memory()
    async with TCP.site() as site:
        keep, _ = await site.open()
        for _ in range(50):
            await use_and_close(site)
        assert streams_in_memory() <= before + 2
        assert not keep.closed
