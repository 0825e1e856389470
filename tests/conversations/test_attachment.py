"""A socket's hold on a conversation, with hosts that come, go and refuse."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import msgspec
import psycopg
import pytest
from channels.layers import InMemoryChannelLayer
from django.db.models.functions import Now

from accounts.database import close_database_threads, in_database
from accounts.tenancy import platform_scope
from conversations import attachment as module
from conversations import bus as b
from conversations import protocol as p
from conversations.attachment import Attachment, Dismissed, Switchboard
from conversations.bus import Bus
from conversations.held import HELD_AUDIO_BYTES, HELD_TEXTS
from conversations.link import DEFAULT_WINDOW, LinkClosed, LinkStream, Listener, listen_memory
from conversations.models import LEASE_TERM, Conversation, Lease
from conversations.states import ConversationState, EndReason
from conversations.underway import closing
from conversations.whereabouts import Visit
from tests.cast import Cast
from tests.children import child_environment
from tests.conversations.talks import ago, make_agent, make_conversation, make_open

PATIENCE_S = 20.0
PIECE = bytes(3_200)
AUDIO_MS = 100  # of PIECE
Answer = TypeVar("Answer")


class Host:
    """A worker's end of the link: takes every stream, or none."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.asked: list[p.Attach] = []
        self.times: list[float] = []
        self.streams: asyncio.Queue[LinkStream] = asyncio.Queue()
        self.listener: Listener = listen_memory(self._accept)

    def _accept(self, stream: LinkStream) -> None:
        self.asked.append(p.attach_decoder.decode(stream.info))
        self.times.append(asyncio.get_running_loop().time())
        if self.refuse:
            stream.close(self.refuse)
        self.streams.put_nowait(stream)

    async def arrival(self) -> LinkStream:
        return await within(self.streams.get())


class Desk:
    """A switchboard whose bus is heard, and a conversation."""

    def __init__(self, row: Conversation) -> None:
        self.row = row
        self.bus = Bus(InMemoryChannelLayer())
        self.switchboard = Switchboard(b"s" * 32, bus=self.bus)
        self.wanted: asyncio.Queue[b.Message] = asyncio.Queue()

    async def open_at(self, host: Host) -> None:
        """The conversation is hosted at `host` from now on."""
        await in_database(hold, self.row.id, host.listener.address)
        opened = b.Opened(str(self.row.id), host.listener.address, 2)
        await self.bus.publish(b.conversation_group(self.row.id), opened)

    @asynccontextmanager
    async def attached(
        self, *, epoch: int = 0, seq: int = 0, visit: Visit | None = None
    ) -> AsyncIterator[Reader]:
        attachment = await self.switchboard.attach(self.row.id, epoch=epoch, seq=seq, visit=visit)
        async with aclosing(closable(attachment.frames())) as frames:
            try:
                yield Reader(attachment, frames)
            finally:
                await attachment.aclose()


class Reader:
    def __init__(self, attachment: Attachment, frames: AsyncIterator[bytes]) -> None:
        self.attachment = attachment
        self.frames = frames

    async def frame(self) -> bytes:
        return await within(anext(self.frames))

    async def __call__(self) -> p.ServerMessage | p.Event:
        """Return the next frame."""
        frame = await self.frame()
        if p.position_decoder.decode(frame).type == "event":
            return p.event_decoder.decode(frame)
        return p.server_decoder.decode(frame)

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(self.frames, None) is None


async def within(work: Awaitable[Answer]) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        return await work


def closable(frames: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    assert isinstance(frames, AsyncGenerator)
    return frames


def hold(conversation_id: uuid.UUID, address: str) -> None:
    with platform_scope("test"):
        lease = Lease.objects.filter(conversation_id=conversation_id)
        lease.update(worker="w", address=address, epoch=2, expires_at=Now() + LEASE_TERM * 20)


@pytest.fixture
def row(transactional_db: None, cast: Cast) -> Iterator[Conversation]:
    """A conversation that nobody hosts."""
    yield make_open(make_agent(cast.acme.tenant), cast.acme.member, ago(seconds=1))
    close_database_threads()


@pytest.fixture
async def desk(row: Conversation) -> AsyncIterator[Desk]:
    desk = Desk(row)
    await desk.bus.start()
    await desk.bus.join(b.WORKERS, desk.wanted.put_nowait)
    yield desk
    await desk.switchboard.aclose()


def notice(seq: int, epoch: int = 2) -> p.Notice:
    return p.Notice(epoch=epoch, seq=seq, ms=0, code="hm", text="")


def typed(number: int) -> bytes:
    return p.encode(p.SendText(id=f"r{number}", text="x"))


def audio(number: int) -> bytes:
    return p.HEADER.pack(p.AUDIO, 0, 160, number) + PIECE


# --- finding the host ---------------------------------------------------------------------


async def test_without_a_worker_it_is_asked_for_until_one_opens(desk: Desk) -> None:
    async with desk.attached() as read:
        assert await read() == p.Waiting(reason="finding-worker")
        reading = asyncio.create_task(read())
        for _ in range(2):
            assert await within(desk.wanted.get()) == b.Wanted(str(desk.row.id))
        assert not reading.done()
        host = Host()
        await desk.open_at(host)
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        assert await reading == notice(1)


async def test_a_living_host_is_found_without_asking(desk: Desk) -> None:
    host = Host()
    await desk.open_at(host)
    async with desk.attached(epoch=2, seq=7, visit=Visit(page="mine")) as read:
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        asked = msgspec.structs.replace(host.asked[0], line="")
        assert asked == p.Attach(str(desk.row.id), 2, 7, page="mine", mode="take")
        await stream.send(p.encode(p.Resumed(epoch=2, seq=7)))
        assert await reading == p.Resumed(epoch=2, seq=7)
        assert desk.wanted.empty()


async def test_the_database_is_looked_at_when_the_bus_is_deaf(desk: Desk) -> None:
    async with desk.attached() as read:
        await read()
        reading = asyncio.create_task(read())
        await within(desk.wanted.get())
        host = Host()
        await in_database(hold, desk.row.id, host.listener.address)
        await (await host.arrival()).send(p.encode(notice(1)))
        assert await reading == notice(1)


async def test_a_database_that_fails_is_asked_again(desk: Desk) -> None:
    host = Host()
    await desk.open_at(host)
    url = child_environment({})["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as rival:
        async with desk.attached() as read:
            with rival.transaction():
                rival.execute("LOCK TABLE conversations_conversation")
                reading = asyncio.create_task(read())
                await cut_who_waits(rival)
                assert await reading == p.Waiting(reason="finding-worker")
            reading = asyncio.create_task(read())
            await (await host.arrival()).send(p.encode(notice(1)))
            assert await reading == notice(1)


async def cut_who_waits(rival: psycopg.Connection) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(PATIENCE_S):
        while not rival.execute(query).fetchall():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)  # another process is asked


async def test_an_ended_conversation_is_shown_with_its_end_and_that_is_all(
    desk: Desk, cast: Cast
) -> None:
    def make() -> Conversation:
        ended = make_conversation(make_agent(cast.acme.tenant, "other"), None)
        with platform_scope("test"):
            Conversation.objects.filter(id=ended.id).update(last_epoch=1, last_seq=5)
        return ended

    desk.row = await in_database(make)
    async with desk.attached() as read:
        snapshot = await read()
        assert await read.ended()
    assert isinstance(snapshot, p.Snapshot)
    assert (snapshot.epoch, snapshot.seq) == (1, 5)
    assert snapshot.state.state == ConversationState.ENDED
    assert snapshot.state.ended == EndReason.USER_LEFT
    assert [turn.text for turn in snapshot.state.turns] == [
        "Do you have size 42?",
        "Yes, two pairs in Lyon.",
    ]
    assert desk.wanted.empty()


# --- hosts that refuse, go and end ------------------------------------------------------


@pytest.mark.parametrize("refuse", [p.STREAM_NOT_HERE, p.STREAM_MOVED])
async def test_a_host_that_has_it_no_more_is_not_asked_in_a_spin(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, refuse: str
) -> None:
    pause = 0.1
    monkeypatch.setattr(module, "ASK_AGAIN_S", pause)
    stale, host = Host(refuse), Host()
    await desk.open_at(stale)
    async with desk.attached() as read:
        await read.attachment.send(typed(1))
        reading = asyncio.create_task(read())
        for _ in range(4):
            await stale.arrival()
        assert stale.times[3] - stale.times[0] >= 3 * pause * 0.9
        await desk.open_at(host)
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        assert await reading == notice(1)
        assert await within(stream.receive()) == typed(1), "it was kept for a host that is there"


async def test_an_address_where_nobody_listens_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.05)
    gone, host = Host(), Host()
    await gone.listener.aclose()
    await desk.open_at(gone)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        await desk.open_at(host)
        await (await host.arrival()).send(p.encode(notice(1)))
        assert await reading == notice(1)


async def test_another_host_goes_on_where_the_lost_one_was(desk: Desk) -> None:
    first, second = Host(), Host()
    await desk.open_at(first)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await first.arrival()
        await stream.send(p.encode(p.Snapshot(epoch=2, seq=40, state=p.Picture())))
        await reading
        await stream.send(p.encode(notice(41)))
        assert await read() == notice(41)
        await in_database(expire, desk.row.id)
        stream.close("broken")
        assert await read() == p.Waiting(reason="worker-lost")
        assert read.attachment.stream is None

        reading = asyncio.create_task(read())
        await within(desk.wanted.get())
        await desk.open_at(second)
        await (await second.arrival()).send(p.encode(notice(42)))
        (asked,) = second.asked
        assert (asked.conversation, asked.epoch, asked.seq) == (str(desk.row.id), 2, 41)
        assert await reading == notice(42)


def expire(conversation_id: uuid.UUID) -> None:
    with platform_scope("test"):
        Lease.objects.filter(conversation_id=conversation_id).update(expires_at=Now())


async def test_audio_does_not_move_the_position(desk: Desk) -> None:
    host = Host()
    await desk.open_at(host)
    async with desk.attached() as read:
        reading = asyncio.create_task(read.frame())
        frame = p.audio_frame(1, 7, PIECE)
        await (await host.arrival()).send(frame)
        assert await reading == frame


async def test_the_last_event_ends_it(desk: Desk) -> None:
    host = Host()
    await desk.open_at(host)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        end = p.Ended(epoch=2, seq=1, ms=0, reason=EndReason.STAFF_ENDED)
        await stream.send(p.encode(end))
        assert await reading == end
        assert await read.ended()


async def test_who_leaves_closes_the_stream(desk: Desk) -> None:
    host = Host()
    await desk.open_at(host)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        await reading
    with pytest.raises(LinkClosed, match="left"):
        await within(stream.receive())


# --- what the user says --------------------------------------------------------------------


async def test_what_is_said_meanwhile_is_held_within_bounds_and_in_order(desk: Desk) -> None:
    pieces = HELD_AUDIO_BYTES // len(audio(0))
    async with desk.attached() as read:
        await read()
        for number in range(pieces + 5):
            await read.attachment.send(audio(number))
        taken = [await read.attachment.send(typed(number)) for number in range(HELD_TEXTS + 4)]
        assert taken == [True] * HELD_TEXTS + [False] * 4
        host = Host()
        await desk.open_at(host)
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        await reading
        assert await read.attachment.send(typed(99))
        heard = []
        for _ in range(HELD_TEXTS + pieces + 1):
            heard.append(await within(stream.receive()))
            stream.consumed(len(heard[-1]))
        gap = read.attachment.held.lost.tell(0.0)
    assert heard == [
        *(audio(number) for number in range(5, pieces + 5)),
        *(typed(number) for number in range(HELD_TEXTS)),
        typed(99),
    ]
    assert gap == p.Gap(stream=0, ms=5 * AUDIO_MS, speaker="user")


async def test_a_host_that_takes_nothing_stalls_no_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs: after a moment the voice is dropped, oldest first, and what comes down passes."""
    monkeypatch.setattr(module, "TAKES_WITHIN_S", 0.01)
    host = Host()
    await desk.open_at(host)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        await reading
        sent = [audio(number) for number in range(2 * (DEFAULT_WINDOW + HELD_AUDIO_BYTES) // 3_200)]
        for frame in sent:
            assert await read.attachment.send(frame)
        assert read.attachment.held.audio_bytes <= HELD_AUDIO_BYTES
        await stream.send(p.encode(notice(2)))
        assert await read() == notice(2)
        heard: list[bytes] = []
        while not heard or heard[-1] != sent[-1]:
            heard.append(await within(stream.receive()))
            stream.consumed(len(heard[-1]))
        gap = read.attachment.held.lost.tell(0.0)
    assert gap is not None
    assert gap.ms == (len(sent) - len(heard)) * AUDIO_MS
    cut = next(n for n, frame in enumerate(heard) if frame != sent[n])
    assert heard[cut:] == sent[cut - len(heard) :]
    assert len(heard) * len(sent[0]) <= DEFAULT_WINDOW + HELD_AUDIO_BYTES + len(sent[0])


async def test_what_is_said_to_a_host_that_went_is_held_for_the_next(desk: Desk) -> None:
    first, second = Host(), Host()
    await desk.open_at(first)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await first.arrival()
        await stream.send(p.encode(notice(1)))
        await reading
        await in_database(expire, desk.row.id)
        stream.close("broken")
        assert await read() == p.Waiting(reason="worker-lost")
        await read.attachment.send(typed(1))
        reading = asyncio.create_task(read())
        await desk.open_at(second)
        stream = await second.arrival()
        await stream.send(p.encode(notice(2)))
        await reading
        assert await within(stream.receive()) == typed(1)


async def test_what_never_arrived_goes_again_before_what_was_held(desk: Desk) -> None:
    """The link breaks; the host that comes back says exactly how much it has got."""
    host = Host()
    await desk.open_at(host)
    async with desk.attached() as read:
        reading = asyncio.create_task(read())
        stream = await host.arrival()
        await stream.send(p.encode(notice(1)))
        await reading
        for number in range(4):
            await read.attachment.send(typed(number))
        assert [await within(stream.receive()) for _ in range(2)] == [typed(0), typed(1)]
        reading = asyncio.create_task(read())
        stream.close(closing("broken", 1))
        stream = await host.arrival()
        await read.attachment.send(typed(4))
        await stream.send(p.encode(p.Taken(2)))
        await stream.send(p.encode(notice(2)))
        assert await reading == notice(2), "what the host says to the web process stays there"
        got = [await within(stream.receive()) for _ in range(3)]
        assert got == [typed(2), typed(3), typed(4)]
        assert len({asked.line for asked in host.asked}) == 1


# --- whose it is ----------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "comes_as"), [("owner", "join"), ("observer", "observe")])
async def test_to_another_host_it_comes_as_what_it_was(
    desk: Desk, role: p.Role, comes_as: p.Mode
) -> None:
    """So that an owner takes nothing from the page that took over meanwhile."""
    first, second = Host(), Host()
    await desk.open_at(first)
    async with desk.attached(visit=Visit(page="mine")) as read:
        reading = asyncio.create_task(read())
        stream = await first.arrival()
        await stream.send(p.encode(p.Presence(role=role, owned=True)))
        assert await reading == p.Presence(role=role, owned=True)
        assert read.attachment.role == role
        await desk.open_at(second)
        reading = asyncio.create_task(read())
        stream.close(p.STREAM_MOVED)
        await (await second.arrival()).send(p.encode(notice(1)))
        await reading
        assert [(asked.page, asked.mode) for asked in second.asked] == [("mine", comes_as)]


@pytest.mark.parametrize("reason", [p.STREAM_TAKEN, p.STREAM_CROWDED])
async def test_who_is_let_go_does_not_come_again(desk: Desk, reason: str) -> None:
    host = Host(refuse=reason)
    await desk.open_at(host)
    async with desk.attached() as read:
        with pytest.raises(Dismissed) as caught:
            await read()
    assert caught.value.reason == reason
    assert len(host.asked) == 1


async def test_an_observer_wakes_nobody_and_says_nothing(desk: Desk) -> None:
    async with desk.attached(visit=Visit(mode="observe")) as read:
        shown = await read()
        assert isinstance(shown, p.Snapshot)
        assert shown.state.ended is None
        assert await read() == p.Waiting(reason="nobody-there")
        reading = asyncio.create_task(read())
        await read.attachment.send(typed(1))
        host = Host()
        await desk.open_at(host)
        stream = await host.arrival()
        await stream.send(p.encode(p.Presence(role="observer", owned=True)))
        assert await reading == p.Presence(role="observer", owned=True)
        assert desk.wanted.empty()
        assert not read.attachment.held
