"""A viewer over a real in-memory link: order, bounds, gaps and snapshots."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from conversations import protocol as p
from conversations.link import LinkPool, LinkStream, listen_memory
from conversations.states import AgentState
from conversations.worker.ring import EventRing
from conversations.worker.viewer import AUDIO_BYTES, WORDS, Viewer

WINDOW = 4096


class Host:
    """The host's side of it: a ring and a snapshot."""

    def __init__(self, ring_bytes: int = 100_000) -> None:
        self.epoch = 3
        self.ring = EventRing(ring_bytes)

    def snapshot(self) -> bytes:
        return p.encode(p.Snapshot(epoch=3, seq=self.ring.last, state=p.Picture()))

    def happen(self) -> None:
        seq = self.ring.last + 1
        state = AgentState.SPEAKING
        self.ring.append(p.encode(p.AgentChanged(epoch=3, seq=seq, ms=0, state=state)))


@pytest.fixture
async def ends() -> AsyncIterator[tuple[LinkStream, LinkStream]]:
    """(the worker's end, the web process's end)."""
    accepted: asyncio.Future[LinkStream] = asyncio.get_running_loop().create_future()
    listener = listen_memory(accepted.set_result)
    pool = LinkPool(b"s" * 32)
    web = await pool.open(listener.address, b"", window=WINDOW)
    yield await accepted, web
    await pool.aclose()
    await listener.aclose()


async def read(web: LinkStream, count: int) -> list[bytes]:
    frames = []
    async with asyncio.timeout(5):
        for _ in range(count):
            frame = await web.receive()
            web.consumed(len(frame))
            frames.append(frame)
    return frames


def seqs(frames: list[bytes]) -> list[int]:
    return [p.position_decoder.decode(frame).seq for frame in frames]


async def test_a_new_page_gets_a_snapshot_and_then_the_events(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host()
    host.happen()
    viewer = Viewer(ends[0], host, epoch=0, seq=0)
    viewer.pump()
    host.happen()
    viewer.pump()
    snapshot, event = await read(ends[1], 2)
    assert p.position_decoder.decode(snapshot).type == "snapshot"
    assert seqs([snapshot, event]) == [1, 2]


async def test_a_page_that_was_here_gets_exactly_what_it_misses(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host()
    for _ in range(5):
        host.happen()
    Viewer(ends[0], host, epoch=3, seq=2).pump()
    frames = await read(ends[1], 4)
    assert p.position_decoder.decode(frames[0]).type == "resumed"
    assert seqs(frames[1:]) == [3, 4, 5]


async def test_a_page_that_fell_off_the_ring_gets_a_snapshot(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host(ring_bytes=200)
    for _ in range(20):
        host.happen()
    Viewer(ends[0], host, epoch=3, seq=1).pump()
    (frame,) = await read(ends[1], 1)
    assert p.position_decoder.decode(frame) == p.Position("snapshot", 3, 20)


async def test_another_epoch_always_means_a_snapshot(ends: tuple[LinkStream, LinkStream]) -> None:
    host = Host()
    host.happen()
    Viewer(ends[0], host, epoch=2, seq=1).pump()
    (frame,) = await read(ends[1], 1)
    assert p.position_decoder.decode(frame).type == "snapshot"


async def test_a_stalled_page_holds_a_bounded_amount_and_is_told_of_the_gap(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host()
    viewer = Viewer(ends[0], host, epoch=3, seq=0)
    viewer.pump()
    second = b"\0" * 48_000
    for _ in range(60):
        viewer.offer_audio(1, second)
        assert viewer.audio_bytes <= AUDIO_BYTES
    frames = await read_all(ends[1])
    texts = [frame for frame in frames if frame[0] != p.AUDIO]
    gap = p.server_decoder.decode(texts[1])
    audio = sum(len(frame) - p.HEADER.size for frame in frames if frame[0] == p.AUDIO)
    assert isinstance(gap, p.Gap)
    assert gap.ms * 48 + audio == 60 * 48_000


async def read_all(web: LinkStream) -> list[bytes]:
    frames: list[bytes] = []
    try:
        while True:
            async with asyncio.timeout(0.2):
                frame = await web.receive()
            web.consumed(len(frame))
            frames.append(frame)
    except TimeoutError:
        return frames


async def test_an_interruption_empties_the_queue(ends: tuple[LinkStream, LinkStream]) -> None:
    host = Host()
    viewer = Viewer(ends[0], host, epoch=3, seq=0)
    viewer.pump()
    for _ in range(3):
        viewer.offer_audio(1, b"\0" * 48_000)
    viewer.drop_audio()
    assert viewer.audio_bytes == 0
    host.happen()
    viewer.pump()
    frames = await read_all(ends[1])
    assert p.position_decoder.decode(frames[-1]).seq == 1


async def test_events_overtake_queued_audio(ends: tuple[LinkStream, LinkStream]) -> None:
    host = Host()
    viewer = Viewer(ends[0], host, epoch=3, seq=0)
    viewer.pump()
    for _ in range(4):
        viewer.offer_audio(1, b"\0" * 8_000)
    host.happen()
    viewer.pump()
    frames = await read_all(ends[1])
    kinds = ["audio" if frame[0] == p.AUDIO else "event" for frame in frames[1:]]
    assert kinds.index("event") < len(kinds) - 1
    assert kinds.count("audio") == 4


async def test_what_was_dropped_of_each_answer_is_told_for_itself(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host()
    viewer = Viewer(ends[0], host, epoch=3, seq=0)
    viewer.pump()
    for stream in (1, 1, 2):
        for _ in range(20):
            viewer.offer_audio(stream, b"\0" * 48_000)
    frames = await read_all(ends[1])
    gaps = [p.server_decoder.decode(frame) for frame in frames[1:] if frame[0] != p.AUDIO]
    heard = {1: 0, 2: 0}
    for frame in frames:
        if frame[0] == p.AUDIO:
            heard[frame[1]] += len(frame) - p.HEADER.size
    assert all(isinstance(gap, p.Gap) and gap.speaker == "agent" for gap in gaps)
    dropped = {gap.stream: gap.ms * 48 for gap in gaps if isinstance(gap, p.Gap)}
    assert dropped[1] + heard[1] == 40 * 48_000
    assert dropped.get(2, 0) + heard[2] == 20 * 48_000


async def test_a_socket_that_takes_nothing_now_is_told_later(
    ends: tuple[LinkStream, LinkStream],
) -> None:
    host = Host()
    viewer = Viewer(ends[0], host, epoch=3, seq=0)
    viewer.pump()
    viewer.offer_audio(1, b"\0" * WINDOW)  # no credit is left
    for number in range(WORDS + 2):
        viewer.tell(p.Error(code=f"e{number}", message="", fix=""))
    host.happen()
    viewer.pump()
    frames = [frame for frame in await read_all(ends[1]) if frame[0] != p.AUDIO]
    told = [p.server_decoder.decode(frame) for frame in frames[1:-1]]
    assert [e.code for e in told if isinstance(e, p.Error)] == [
        f"e{number}" for number in range(2, WORDS + 2)
    ]
    assert seqs(frames[-1:]) == [1]
