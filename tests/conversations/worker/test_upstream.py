"""One conversation over many connections to a real simulator: rotations, refusals, faults.

The pauses between tries are a twentieth of the real ones; the simulator waits accordingly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

import live
from conversations.held import HELD_AUDIO_BYTES, HELD_TEXTS
from conversations.worker import upstream as module
from conversations.worker.upstream import (
    FRESH_PAUSES,
    HANDLE_TRIES,
    IDLE_RESUME_PAUSES,
    MAX_FAILURES,
    RESUME_PAUSES,
    Upstream,
)
from live.simulator import Pace, Simulator

PATIENCE_S = 20.0
FASTER = 20
CONFIG = live.SessionConfig(model="gemini-3.8-live")
NEVER = 3600.0


def pace(*, go_away: float = NEVER, time_left: float = 50.0, playback: float = 0.02) -> Pace:
    return Pace(
        setup=0.01,
        first_update=0.01,
        hearing=0.02,
        thinking=0.02,
        speed=50,
        playback=playback,
        go_away=go_away,
        time_left=time_left,
    )


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRESH_PAUSES", "RESUME_PAUSES", "IDLE_RESUME_PAUSES"):
        shorter = tuple(pause / FASTER for pause in getattr(module, name))
        monkeypatch.setattr(module, name, shorter)
    monkeypatch.setattr(module, "JITTER_S", 0.01)


class Owner:
    """What a host does with an upstream, and what it was told."""

    def __init__(
        self, history: Sequence[live.Content] = (), unanswered: Sequence[str] = ()
    ) -> None:
        self.upstream: Upstream | None = None
        self.is_busy = False
        self.events: list[live.Event] = []
        self.told: list[str] = []
        self.failure: live.LiveError | None = None
        self.said = list(history)
        self.unanswered = list(unanswered)
        self._changed = asyncio.Event()

    def upstream_events(self, events: Sequence[live.Event]) -> None:
        assert self.upstream is not None
        self.events += events
        for event in events:
            if isinstance(event, live.Audio):
                self.is_busy = True
            elif isinstance(event, live.TurnComplete):
                self.told.append("answered")
                self.is_busy = False
                self.upstream.pause()
        self._changed.set()

    def upstream_live(self, *, fresh: bool) -> None:
        self._tell("fresh" if fresh else "resumed")

    def upstream_rotating(self) -> None:
        self._tell("rotating")

    def upstream_lost(self) -> None:
        self._tell("lost")

    def upstream_failed(self, error: live.LiveError) -> None:
        self.failure = error
        self._tell("failed")

    def history(self) -> tuple[list[live.Content], list[str]]:
        return self.said, self.unanswered

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self._changed.set()

    # --- questions ---------------------------------------------------------------------

    @property
    def words(self) -> str:
        pieces = [event.text for event in self.events if isinstance(event, live.OutputTranscript)]
        return "".join(pieces).lower()

    async def until(self, condition: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come to it: {self.told}, {self.words!r}") from None


class Door:
    """Opens connections, one after another, while `gate` is open."""

    def __init__(self, url: str, key: str) -> None:
        self.endpoint = live.Endpoint.developer(base_url=url)
        self.auth = live.ApiKeyAuth(key)
        self.handles: list[str | None] = []
        self.connections: list[live.Connection] = []
        self.knocked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, handle: str | None) -> live.Connection:
        self.handles.append(handle)
        self.knocked.set()
        await self.gate.wait()
        connection = await live.connect(self.endpoint, self.auth, CONFIG, handle=handle)
        self.connections.append(connection)
        return connection

    def cut(self) -> None:
        """The network breaks the newest connection."""
        self.connections[-1]._socket.transport.abort()  # noqa: SLF001 - there is no cable to pull


def door_of(simulator: Simulator) -> Door:
    return Door(simulator.url, simulator.api_key)


@asynccontextmanager
async def running(
    door: Door, owner: Owner, *, handle: str | None = None
) -> AsyncIterator[tuple[Upstream, asyncio.Task[None]]]:
    upstream = owner.upstream = Upstream(door, owner, handle=handle)
    task = asyncio.create_task(upstream.run())
    try:
        yield upstream, task
    finally:
        await leave(upstream, task)


async def leave(upstream: Upstream, task: asyncio.Task[None]) -> None:
    """As the host does it."""
    await upstream.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- talking ---------------------------------------------------------------------------


async def test_a_text_is_answered() -> None:
    async with Simulator(pace=pace()) as simulator:
        owner = Owner()
        async with running(door_of(simulator), owner) as (upstream, _):
            await owner.until(lambda: owner.told == ["fresh"])
            upstream.send_text("Say hello world")
            await owner.until(lambda: "answered" in owner.told)
            assert "hello world" in owner.words
            assert upstream.handle is not None


async def test_what_is_said_before_the_first_connection_arrives() -> None:
    async with Simulator(pace=pace()) as simulator:
        owner, door = Owner(unanswered=["Say hello world"]), door_of(simulator)
        door.gate.clear()
        async with running(door, owner) as (upstream, _):
            upstream.send_text("Say hello world")
            door.gate.set()
            await owner.until(lambda: "answered" in owner.told)
            assert owner.words.count("hello world") == 1


# --- rotation ----------------------------------------------------------------------------


async def test_go_away_means_a_rotation_with_the_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real pause: the simulator refuses the resumption of an idle session for 0.9 s."""
    monkeypatch.setattr(module, "IDLE_RESUME_PAUSES", IDLE_RESUME_PAUSES)
    async with Simulator(pace=pace(go_away=1.0), resume_wait=0.9) as simulator:
        owner, door = Owner(), door_of(simulator)
        async with running(door, owner) as (upstream, _):
            await owner.until(lambda: owner.told == ["fresh"])
            upstream.send_text("The code word is marmalade.")
            await owner.until(lambda: "rotating" in owner.told)
            upstream.send_text("What is the code word?")
            await owner.until(lambda: owner.told.count("answered") == 2)
    assert owner.told[:5] == ["fresh", "answered", "rotating", "resumed", "answered"]
    assert "the code word is marmalade" in owner.words.partition("remember")[2]
    assert door.handles[0] is None
    assert door.handles[1] is not None
    assert len(door.handles) == 2, "the pause after an idle close was long enough"


async def test_a_due_rotation_waits_for_the_answers_end() -> None:
    async with Simulator(pace=pace(go_away=0.3), resume_wait=0.0) as simulator:
        owner = Owner()
        async with running(door_of(simulator), owner) as (upstream, _):
            await owner.until(lambda: owner.told == ["fresh"])
            upstream.send_text("Tell me a long story")
            owner.is_busy = True
            await owner.until(lambda: "rotating" in owner.told)
    assert owner.told[:3] == ["fresh", "answered", "rotating"]
    went = next(i for i, event in enumerate(owner.events) if isinstance(event, live.GoAway))
    assert any(isinstance(event, live.Audio) for event in owner.events[went:]), "it was speaking"


async def test_a_rotation_does_not_wait_until_the_server_closes() -> None:
    slow = pace(go_away=0.3, time_left=module.GO_AWAY_MARGIN_S + 0.2, playback=1.0)
    async with Simulator(pace=slow, resume_wait=0.0) as simulator:
        owner = Owner()
        async with running(door_of(simulator), owner) as (upstream, _):
            await owner.until(lambda: owner.told == ["fresh"])
            upstream.send_text("Tell me a long story")
            await owner.until(lambda: "resumed" in owner.told)
    assert owner.told[:3] == ["fresh", "rotating", "resumed"]


async def test_a_handle_that_stays_refused_is_given_up() -> None:
    history = [
        live.text_content("user", "The code word is marmalade."),
        live.text_content("model", "I will remember it."),
    ]
    async with Simulator(pace=pace(go_away=0.2), resume_wait=NEVER) as simulator:
        owner, door = Owner(history, ["What is the code word?"]), door_of(simulator)
        async with running(door, owner):
            await owner.until(lambda: "marmalade" in owner.words)
    first, *resumed = door.handles[: HANDLE_TRIES + 1]
    assert first is None
    assert all(handle == resumed[0] is not None for handle in resumed)
    assert "lost" not in owner.told


async def test_texts_held_during_a_rotation_are_bounded_and_in_order() -> None:
    async with Simulator(pace=pace(go_away=0.2), scenario="echo", resume_wait=0.0) as simulator:
        owner, door = Owner(), door_of(simulator)
        async with running(door, owner) as (upstream, _):
            await owner.until(lambda: "fresh" in owner.told)
            door.gate.clear()
            await owner.until(lambda: "rotating" in owner.told)
            for number in range(HELD_TEXTS + 4):
                upstream.send_text(f"<{number}>")
            door.gate.set()
            await owner.until(lambda: f"<{HELD_TEXTS + 3}>" in owner.words)
    assert owner.words == "".join(f"<{number}>" for number in range(4, HELD_TEXTS + 4))


async def test_audio_without_a_connection_is_bounded_and_the_newest_arrives() -> None:
    """The echo's first eight bytes are those of what it echoes."""
    size = 3_200
    kept = HELD_AUDIO_BYTES // size
    pieces = [number.to_bytes(8, "big") + bytes(size - 8) for number in range(kept + 30)]

    def echoed() -> list[bytes]:
        return [event.data[:8] for event in owner.events if isinstance(event, live.Audio)]

    async with Simulator(pace=pace(), scenario="echo") as simulator:
        owner, door = Owner(), door_of(simulator)
        door.gate.clear()
        async with running(door, owner) as (upstream, _):
            for piece in pieces:
                upstream.send_audio(piece)
            upstream.end_audio()
            door.gate.set()
            await owner.until(lambda: len(echoed()) >= kept)
            assert echoed() == [piece[:8] for piece in pieces[-kept:]]


# --- refusals and faults -------------------------------------------------------------------


async def test_a_refused_handle_means_one_fresh_session_that_knows_what_was_said() -> None:
    history = [
        live.text_content("user", "The code word is marmalade."),
        live.text_content("model", "I will remember it."),
    ]
    async with Simulator(pace=pace()) as simulator:
        owner, door = Owner(history, ["What is the code word?"]), door_of(simulator)
        async with running(door, owner, handle="gone") as (upstream, _):
            upstream.send_text("What is the code word?")
            await owner.until(lambda: "answered" in owner.told)
    assert door.handles == ["gone", None]
    assert owner.told == ["fresh", "answered"]
    assert owner.words.count("the code word is marmalade") == 1


async def test_a_wrong_key_ends_it_at_once() -> None:
    async with Simulator(pace=pace()) as simulator:
        owner, door = Owner(), Door(simulator.url, "a-key-that-nobody-knows")
        async with running(door, owner) as (_, task):
            await task
    assert isinstance(owner.failure, live.CredentialError)
    assert door.handles == [None]
    assert owner.told == ["failed"]


async def test_what_a_lost_connection_left_unanswered_is_asked_again() -> None:
    async with Simulator(pace=pace(), resume_wait=0.0) as simulator:
        owner, door = Owner(), door_of(simulator)
        async with running(door, owner) as (upstream, _):
            await owner.until(lambda: upstream.handle)
            owner.unanswered = ["Say hello world"]
            door.cut()
            upstream.send_text("Say hello world")  # into a connection that is gone
            await owner.until(lambda: "answered" in owner.told)
    assert owner.told[:4] == ["fresh", "lost", "resumed", "answered"]
    assert door.handles[0] is None
    assert door.handles[1] is not None
    assert owner.words.count("hello world") == 1


async def test_a_server_that_goes_away_is_tried_a_bounded_number_of_times() -> None:
    owner = Owner()
    async with Simulator(pace=pace()) as simulator:
        door = door_of(simulator)
        upstream = owner.upstream = Upstream(door, owner)
        task = asyncio.create_task(upstream.run())
        await owner.until(lambda: owner.told == ["fresh"] and upstream.handle)
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert isinstance(owner.failure, live.NetworkError)
    assert owner.told == ["fresh", "lost", "failed"]
    assert len(door.handles) == 1 + len(IDLE_RESUME_PAUSES)
    assert not owner.failure.permanent


async def test_a_server_that_always_leaves_at_once_is_given_up() -> None:
    owner = Owner()
    async with Simulator(pace=pace(go_away=0.02), resume_wait=0.0) as simulator:
        door = door_of(simulator)
        async with running(door, owner) as (_, task):
            await task
    assert isinstance(owner.failure, live.ProviderError)
    assert owner.failure.code == "always_leaving"
    assert owner.told.count("rotating") == MAX_FAILURES + 1


async def test_nobody_there_is_tried_a_bounded_number_of_times(free_port: int) -> None:
    owner, door = Owner(), Door(f"http://127.0.0.1:{free_port}", "some-key")
    async with running(door, owner) as (_, task):
        await task
    assert isinstance(owner.failure, live.NetworkError)
    assert door.handles == [None] * len(FRESH_PAUSES)


async def test_a_server_that_accepts_and_fails_again_and_again_is_given_up() -> None:
    """The simulator does not fail like this: 1011 right behind each setupComplete."""
    accepted = 0

    async def fail(connection: ServerConnection) -> None:
        nonlocal accepted
        accepted += 1
        await connection.recv()
        await connection.send(b'{"setupComplete": {}}')
        await connection.close(1011, "Internal error encountered.")

    async with serve(fail, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        owner, door = Owner(), Door(f"http://127.0.0.1:{port}", "some-key")
        async with running(door, owner) as (_, task):
            await task
    assert isinstance(owner.failure, live.ProviderError)
    assert accepted == MAX_FAILURES + 1
    assert owner.told.count("lost") == MAX_FAILURES


def test_a_resumption_leaves_a_try_for_a_fresh_session() -> None:
    assert len(RESUME_PAUSES) > HANDLE_TRIES
    assert len(IDLE_RESUME_PAUSES) > HANDLE_TRIES


# --- the end -----------------------------------------------------------------------------


async def test_close_ends_it_without_a_word() -> None:
    async with Simulator(pace=pace()) as simulator:
        before = asyncio.all_tasks()
        owner = Owner()
        async with running(door_of(simulator), owner) as (upstream, task):
            await owner.until(lambda: owner.told == ["fresh"])
            await upstream.close()
            await task
            upstream.send_audio(bytes(320))
            upstream.end_audio()
        await settled(before)
    assert owner.told == ["fresh"]
    assert owner.failure is None


async def test_close_while_it_connects_leaves_nothing_behind() -> None:
    async with Simulator(pace=pace()) as simulator:
        before = asyncio.all_tasks()
        owner, door = Owner(), door_of(simulator)
        door.gate.clear()
        async with running(door, owner):
            await door.knocked.wait()
        await settled(before)
    assert owner.told == []


async def test_close_while_it_rotates_leaves_nothing_behind() -> None:
    async with Simulator(pace=pace(go_away=0.1)) as simulator:
        before = asyncio.all_tasks()
        owner = Owner()
        async with running(door_of(simulator), owner):
            await owner.until(lambda: "rotating" in owner.told)
        await settled(before)
    assert owner.told == ["fresh", "rotating"]


async def settled(before: set[asyncio.Task[object]]) -> None:
    """Wait until only the tasks of `before` are left: the simulator's own end a little later."""
    async with asyncio.timeout(PATIENCE_S):
        while left := asyncio.all_tasks() - before:
            assert not any("upstream" in task.get_name() for task in left)
            await asyncio.wait(left)
