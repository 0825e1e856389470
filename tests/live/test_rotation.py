"""One session over many connections to a real simulator: rotations, refusals, faults.

The pauses between tries are a twentieth of the usual ones; the simulator waits accordingly.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from live import (
    GO_AWAY,
    ApiKeyAuth,
    Audio,
    Comeback,
    Connected,
    CredentialError,
    Dialer,
    Disconnected,
    Endpoint,
    Event,
    LiveError,
    LiveSession,
    NetworkError,
    OutputTranscript,
    ProviderError,
    ResumptionUpdate,
    Session,
    SessionConfig,
    TurnComplete,
    text_content,
)
from live.handshake import DirectConnect
from live.outbox import AUDIO_BYTES
from live.simulator import Pace, Simulator

PATIENCE_S = 20.0
CONFIG = SessionConfig(model="gemini-3.8-live")
USUAL = Comeback()
FAST = replace(USUAL, pauses=tuple(pause / 20 for pause in USUAL.pauses), jitter=0.01, insist=True)
NEVER = 3600.0
SAID = [
    text_content("user", "The code word is marmalade."),
    text_content("model", "I will remember it."),
]


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


class Door:
    """Opens sockets, one after another, while `gate` is open."""

    def __init__(self) -> None:
        self.knocks = 0
        self.sockets: list[ClientConnection] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.knocked = asyncio.Event()

    async def __call__(self, uri: str, **options: Any) -> ClientConnection:
        self.knocks += 1
        self.knocked.set()
        await self.gate.wait()
        self.sockets.append(await DirectConnect(uri, **options))
        return self.sockets[-1]

    def cut(self) -> None:
        """The network breaks the newest connection."""
        self.sockets[-1].transport.abort()


class Talk:
    """A session, what it told, and what became of it."""

    def __init__(self, url: str, key: str, comeback: Comeback, **options: Any) -> None:
        endpoint = Endpoint.developer(url)
        self.door = Door()
        session = Session(CONFIG, endpoint, comeback=comeback, **options)
        dialer = Dialer(endpoint=endpoint, auth=ApiKeyAuth(key), connector=self.door)
        self.session = LiveSession(session, dialer)
        self.events: list[Event] = []
        self.error: LiveError | None = None

    async def until(self, happened: Callable[[], object]) -> None:
        """Take events until something has happened."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not happened():
                    self.events += await self.session.receive()
        except TimeoutError:
            raise AssertionError(f"it did not come to it: {self.told}, {self.words!r}") from None

    async def end(self) -> LiveError:
        """Take events until the session gives up."""
        try:
            await self.until(lambda: False)
        except LiveError as error:
            return error
        raise AssertionError("it did not give up")

    @property
    def told(self) -> list[str]:
        """What happened to the session, and each answer."""
        names: list[str] = []
        for event in self.events:
            match event:
                case Connected():
                    names.append("renewed" if event.renewed else "connected")
                case Disconnected():
                    names.append("rotating" if event.code == GO_AWAY else "lost")
                case TurnComplete():
                    names.append("answered")
        return names

    @property
    def words(self) -> str:
        pieces = [event.text for event in self.events if isinstance(event, OutputTranscript)]
        return "".join(pieces).lower()

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)


@asynccontextmanager
async def talk_with(
    simulator: Simulator, *, key: str = "", comeback: Comeback = FAST, **options: Any
) -> AsyncIterator[Talk]:
    async with talk_at(simulator.url, key or simulator.api_key, comeback, **options) as talk:
        yield talk


@asynccontextmanager
async def talk_at(
    url: str, key: str, comeback: Comeback = FAST, **options: Any
) -> AsyncIterator[Talk]:
    before = {task.get_name() for task in asyncio.all_tasks()}
    talk = Talk(url, key, comeback, **options)
    talk.session.start()
    try:
        yield talk
    finally:
        await talk.session.close()
        left = {task.get_name() for task in asyncio.all_tasks()} - before
        assert not any(name.startswith("live ") for name in left), left


# -- Rotation ----------------------------------------------------------------------------------


async def test_go_away_means_a_rotation_with_the_handle() -> None:
    """With the usual pause: the simulator refuses the resumption of an idle session for 0.9 s."""
    async with (
        Simulator(pace=pace(go_away=1.0), resume_wait=0.9) as simulator,
        talk_with(simulator, comeback=USUAL) as talk,
    ):
        talk.session.send_text("The code word is marmalade.")
        await talk.until(lambda: "rotating" in talk.told)
        talk.session.send_text("What is the code word?")
        await talk.until(lambda: talk.told.count("answered") == 2)
        assert talk.door.knocks == 2, "the pause after an idle close was long enough"
    assert talk.told == ["connected", "answered", "rotating", "connected", "answered"]
    assert "the code word is marmalade" in talk.words.partition("remember")[2]
    [_, again] = [event for event in talk.events if isinstance(event, Connected)]
    assert again.gap >= 1.0
    assert again.audio_dropped_bytes == 0


async def test_a_due_rotation_waits_for_the_answer_s_end() -> None:
    async with (
        Simulator(pace=pace(go_away=0.3, playback=0.03), resume_wait=0.0) as simulator,
        talk_with(simulator) as talk,
    ):
        talk.session.send_text("Tell me a long story")
        await talk.until(lambda: "rotating" in talk.told)
    assert talk.told[:3] == ["connected", "answered", "rotating"]


async def test_a_rotation_does_not_wait_until_the_server_closes() -> None:
    slow = pace(go_away=0.3, time_left=0.4, playback=1.0)
    async with Simulator(pace=slow, resume_wait=0.0) as simulator, talk_with(simulator) as talk:
        talk.session.send_text("Tell me a long story")
        await talk.until(lambda: talk.told.count("connected") == 2)
    assert talk.told[:3] == ["connected", "rotating", "connected"]


async def test_a_question_that_was_not_answered_before_the_rotation_is_put_again() -> None:
    slow = replace(pace(go_away=0.1, time_left=0.2), thinking=0.5)
    async with Simulator(pace=slow, resume_wait=0.0) as simulator, talk_with(simulator) as talk:
        await talk.session.ready()
        talk.session.send_text("Say hello world")
        await talk.until(lambda: "rotating" in talk.told)
        simulator.pace = pace()
        await talk.until(lambda: "answered" in talk.told)
    assert talk.words.startswith("hello world")


async def test_a_handle_that_stays_refused_is_given_up() -> None:
    async with (
        Simulator(pace=pace(go_away=0.2), resume_wait=NEVER) as simulator,
        talk_with(simulator) as talk,
    ):
        talk.session.send_text("The code word is marmalade.")
        await talk.until(lambda: "rotating" in talk.told)
        simulator.pace = pace()
        talk.session.send_text("What is the code word?")
        await talk.until(lambda: talk.told.count("answered") == 2)
        assert talk.door.knocks == 1 + USUAL.handle_tries + 1
    assert talk.told == ["connected", "answered", "rotating", "renewed", "answered"]
    assert "marmalade" in talk.words.partition("remember")[2]


async def test_audio_without_a_connection_is_bounded_and_the_newest_arrives() -> None:
    """The echo's first eight bytes are those of what it echoes."""
    size = 3_200
    kept = AUDIO_BYTES * 3 // 4 // size
    pieces = [number.to_bytes(8, "big") + bytes(size - 8) for number in range(kept + 30)]

    def echoed() -> list[bytes]:
        return [event.data[:8] for event in talk.events if isinstance(event, Audio)]

    async with (
        Simulator(pace=pace(), scenario="echo") as simulator,
        talk_with(simulator) as talk,
    ):
        talk.door.gate.clear()
        for piece in pieces:
            talk.session.send_audio(piece)
        dropped = talk.session.audio_dropped_bytes
        talk.door.gate.set()
        await talk.until(lambda: echoed() and echoed()[-1] == pieces[-1][:8])
    assert 0 < dropped <= 40 * size
    assert echoed() == [piece[:8] for piece in pieces[dropped // size :]]


async def test_no_audio_is_lost_in_a_rotation_and_none_comes_twice() -> None:
    size = 3_200
    pieces = [number.to_bytes(8, "big") + bytes(size - 8) for number in range(20)]
    async with (
        Simulator(pace=pace(), scenario="echo", resume_wait=0.0) as simulator,
        talk_with(simulator) as talk,
    ):
        await talk.until(lambda: talk.has(ResumptionUpdate))
        talk.door.gate.clear()
        talk.door.cut()
        await talk.until(lambda: "lost" in talk.told)
        for piece in pieces:
            talk.session.send_audio(piece)
        talk.door.gate.set()
        await talk.until(
            lambda: sum(isinstance(event, Audio) for event in talk.events) == len(pieces)
        )
    heard = [event.data[:8] for event in talk.events if isinstance(event, Audio)]
    assert heard == [piece[:8] for piece in pieces]


# -- Refusals and faults -----------------------------------------------------------------------


async def test_a_refused_handle_means_one_new_session_that_knows_what_was_said() -> None:
    async with (
        Simulator(pace=pace()) as simulator,
        talk_with(
            simulator,
            handle="gone",
            history=lambda: SAID,
            unanswered=["What is the code word?"],
        ) as talk,
    ):
        await talk.until(lambda: "answered" in talk.told)
        assert talk.door.knocks == 2
    assert talk.told == ["renewed", "answered"]
    assert talk.words.count("the code word is marmalade") == 1


async def test_a_wrong_key_ends_it_at_once() -> None:
    async with (
        Simulator(pace=pace()) as simulator,
        talk_with(simulator, key="a-key-that-nobody-knows") as talk,
    ):
        assert isinstance(await talk.end(), CredentialError)
        assert talk.door.knocks == 1
    assert talk.told == []


async def test_what_a_lost_connection_left_unanswered_is_asked_again() -> None:
    async with Simulator(pace=pace(), resume_wait=0.0) as simulator, talk_with(simulator) as talk:
        await talk.until(lambda: talk.session.handle)
        talk.door.cut()
        talk.session.send_text("Say hello world")  # into a connection that is gone
        await talk.until(lambda: "answered" in talk.told)
    assert talk.told == ["connected", "lost", "connected", "answered"]
    assert talk.words.count("hello world") == 1


async def test_a_server_that_goes_away_is_tried_a_bounded_number_of_times() -> None:
    async with Simulator(pace=pace()) as simulator:
        url, key = simulator.url, simulator.api_key
        async with talk_at(url, key) as talk:
            await talk.until(lambda: talk.session.handle)
            await simulator.__aexit__(None, None, None)
            error = await talk.end()
            assert talk.door.knocks == len(USUAL.pauses)
    assert isinstance(error, NetworkError)
    assert not error.permanent
    assert talk.told == ["connected", "lost"]


async def test_a_server_that_always_leaves_at_once_is_given_up() -> None:
    async with (
        Simulator(pace=pace(go_away=0.02), resume_wait=0.0) as simulator,
        talk_with(simulator) as talk,
    ):
        error = await talk.end()
    assert isinstance(error, ProviderError)
    assert error.code == "always_leaving"
    assert talk.told.count("connected") == USUAL.short_lives + 1


async def test_nobody_there_is_tried_a_bounded_number_of_times(free_port: int) -> None:
    async with talk_at(f"http://127.0.0.1:{free_port}", "some-key") as talk:
        assert isinstance(await talk.end(), NetworkError)
        assert talk.door.knocks == len(USUAL.pauses)


async def test_a_server_that_accepts_and_fails_again_and_again_is_given_up() -> None:
    """The simulator does not fail like this: 1011 right behind each setupComplete."""

    async def fail(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(b'{"setupComplete": {}}')
        await socket.close(1011, "Internal error encountered.")

    async with serve(fail, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with talk_at(f"http://127.0.0.1:{port}", "some-key") as talk:
            assert isinstance(await talk.end(), ProviderError)
            assert talk.door.knocks == USUAL.short_lives + 1
    assert talk.told.count("lost") == USUAL.short_lives


# -- The end -----------------------------------------------------------------------------------


async def test_close_ends_it_without_a_word() -> None:
    async with Simulator(pace=pace()) as simulator, talk_with(simulator) as talk:
        await talk.until(lambda: "connected" in talk.told)
        await talk.session.close()
        talk.session.send_audio(bytes(320))
        assert talk.session.audio_dropped_bytes == 320
        assert not any(isinstance(e, Disconnected) for e in await talk.session.receive())
        assert await talk.session.receive() == []


async def test_close_while_it_connects_leaves_nothing_behind() -> None:
    async with Simulator(pace=pace()) as simulator, talk_with(simulator) as talk:
        talk.door.gate.clear()
        await talk.door.knocked.wait()
        await talk.session.close()
        assert await talk.session.receive() == []


@pytest.mark.parametrize("told", ["rotating", "lost"])
async def test_close_while_it_has_no_connection_leaves_nothing_behind(told: str) -> None:
    go_away = 0.1 if told == "rotating" else NEVER
    async with Simulator(pace=pace(go_away=go_away)) as simulator, talk_with(simulator) as talk:
        await talk.until(lambda: "connected" in talk.told)
        if told == "lost":
            talk.door.cut()
        await talk.until(lambda: told in talk.told)
        await talk.session.close()
    assert talk.told == ["connected", told]
