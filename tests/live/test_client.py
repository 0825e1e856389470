import asyncio
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from live import (
    Audio,
    AutomaticActivityDetection,
    Connected,
    CredentialError,
    Dialer,
    FunctionResponse,
    GoAway,
    InvalidRequest,
    LiveError,
    LiveSession,
    NetworkError,
    OutputTranscript,
    ProtocolError,
    ProtocolMisuse,
    ProviderError,
    Ready,
    RealtimeInputConfig,
    ToolCall,
    Turn,
    TurnComplete,
    Unknown,
    client,
    connect,
    text_content,
)
from live import connection as connection_module
from live.outbox import Outbox
from live.session import Session
from tests.live.peer import AUTH, CONFIG, Peer, serving, talking
from tests.live.samples import sample, scene

MORE_THAN_THE_KERNEL_TAKES = 32 * 1024 * 1024


async def quiet(_: Peer, socket: ServerConnection) -> None:
    await socket.wait_closed()


async def collect(connection: LiveSession, last: type) -> list[Any]:
    """Events up to the first of a kind."""
    events: list[Any] = []
    while not any(isinstance(event, last) for event in events):
        events += await connection.receive()
    return events


async def until_error(connection: LiveSession) -> tuple[list[Any], LiveError]:
    """All events, and the error that ended the session."""
    events: list[Any] = []
    while True:
        try:
            events += await connection.receive()
        except LiveError as error:
            return events, error


async def hear_all(peer: Peer, socket: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await peer.hear(socket)


# -- The way in --------------------------------------------------------------------------------


async def test_connect_sends_the_setup_and_waits_for_the_answer() -> None:
    async with talking(quiet) as (peer, connection):
        assert peer.messages[0]["setup"]["model"] == "models/gemini-3.8-live"
        assert await connection.receive() == [Ready(), Connected()]


async def test_a_handle_goes_into_the_setup() -> None:
    async with talking(quiet, handle="h1") as (peer, connection):
        assert peer.messages[0]["setup"]["sessionResumption"] == {"handle": "h1"}
        assert connection.handle == "h1"


async def test_a_wrong_key_is_told_after_the_setup_was_read() -> None:
    async def refuse(peer: Peer, socket: ServerConnection) -> None:
        await peer.hear(socket)
        await socket.close(1007, "API key not valid. Please pass a valid API key.")

    async with serving(refuse) as peer:
        with pytest.raises(CredentialError) as caught:
            await connect(peer.endpoint, AUTH, CONFIG)
    assert caught.value.code == "api_key_invalid"
    assert caught.value.permanent


async def test_a_service_that_never_answers_the_setup_gets_a_close_frame() -> None:
    async def never(peer: Peer, socket: ServerConnection) -> None:
        await peer.hear(socket)
        await socket.wait_closed()

    async with serving(never) as peer:
        with pytest.raises(NetworkError) as caught:
            await connect(peer.endpoint, AUTH, CONFIG, setup_timeout=0.2)
        await peer.sockets[0].wait_closed()
        assert peer.sockets[0].close_code == 1000
    assert caught.value.code == "setup_timeout"


async def test_cancelling_connect_leaves_nothing_open() -> None:
    heard = asyncio.Event()

    async def never(peer: Peer, socket: ServerConnection) -> None:
        await peer.hear(socket)
        heard.set()
        await socket.wait_closed()

    async with serving(never) as peer:
        connecting = asyncio.create_task(connect(peer.endpoint, AUTH, CONFIG))
        await heard.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await peer.sockets[0].wait_closed()
        assert peer.sockets[0].close_code == 1000


# -- Receiving ---------------------------------------------------------------------------------


async def test_a_recorded_turn_arrives_whole_and_in_order() -> None:
    turn = [message for direction, message in scene("audio_turn_38") if direction == "server"]

    async def play(peer: Peer, socket: ServerConnection) -> None:
        await peer.say(socket, *turn[1:])
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        events = await collect(connection, TurnComplete)
        assert connection.handle == "3f1c9a64-0b7e-4f0d-9a53-6d2f1f2c7e11"
        assert connection.resumable
    said = "".join(event.text for event in events if isinstance(event, OutputTranscript))
    assert said == "Yes, I can hear you clearly. How can I help you today?"
    assert sum(isinstance(event, Audio) for event in events) == 2


async def test_what_is_already_there_comes_in_one_list() -> None:
    sent = asyncio.Event()

    async def play(peer: Peer, socket: ServerConnection) -> None:
        await peer.say(socket, *[sample("audio.chunk")] * 10)
        sent.set()
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        await sent.wait()
        events: list[Any] = []
        takes = 0
        while len(events) < 12:
            events += await connection.receive()
            takes += 1
    assert takes < 12
    assert len(events) == 12


async def test_text_frames_and_unknown_messages_are_taken_too() -> None:
    async def play(_: Peer, socket: ServerConnection) -> None:
        await socket.send('{"somethingNew":{}}')
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        events = await collect(connection, Unknown)
    assert events[-1] == Unknown(b'{"somethingNew":{}}')


async def test_a_reader_that_stalls_holds_the_service_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "INBOX_BYTES", 500_000)
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "A" * 400_000}}
    message = {"serverContent": {"modelTurn": {"parts": [part]}}}
    total = 100

    stuck = asyncio.Event()
    sent: list[int] = []

    async def play(peer: Peer, socket: ServerConnection) -> None:
        for number in range(total):
            saying = asyncio.create_task(peer.say(socket, message))
            if not (await asyncio.wait([saying], timeout=0.5))[0]:
                stuck.set()
            await saying
            sent.append(number)
        await peer.say(socket, sample("turnComplete.with_usage"))
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        await stuck.wait()
        assert len(sent) < total
        assert connection._inbox_size < 1_500_000  # noqa: SLF001 - what must stay flat
        events = await collect(connection, TurnComplete)
    assert sum(isinstance(event, Audio) for event in events) == total


async def test_cancelling_receive_loses_nothing() -> None:
    go = asyncio.Event()

    async def play(peer: Peer, socket: ServerConnection) -> None:
        await go.wait()
        await peer.say(socket, sample("toolCall.25"))
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        assert await connection.receive() == [Ready(), Connected()]
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        (call,) = await connection.receive()
        assert isinstance(call, ToolCall)
        assert connection.open_calls == {"function-call-5831923424298605773"}


# -- Sending -----------------------------------------------------------------------------------


async def test_messages_go_out_in_order_as_text_frames() -> None:
    frames: list[Any] = []

    async def play(peer: Peer, socket: ServerConnection) -> None:
        frames.extend([await socket.recv() for _ in range(5)])
        await peer.say(socket, sample("turnComplete.with_usage"))
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        connection.send_audio(b"\0\1" * 160)
        connection.end_audio()
        connection.send_text("hello")
        connection.send_content([text_content("user", "hi")])
        connection.send_tool_responses([FunctionResponse("c1", "f", {"ok": True})])
        await collect(connection, TurnComplete)
    assert all(isinstance(frame, str) for frame in frames)
    audio, end, text, content, response = map(json.loads, frames)
    assert audio["realtimeInput"]["audio"]["mimeType"] == "audio/pcm;rate=16000"
    assert end == {"realtimeInput": {"audioStreamEnd": True}}
    assert text == {"realtimeInput": {"text": "hello"}}
    assert content["clientContent"]["turnComplete"] is True
    assert response["toolResponse"]["functionResponses"][0]["id"] == "c1"


async def test_a_service_that_stalls_costs_old_audio_and_nothing_else() -> None:
    go = asyncio.Event()

    async def play(peer: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await go.wait()
        socket.transport.resume_reading()
        await hear_all(peer, socket)

    async with talking(play) as (peer, connection):
        chunk = b"\0\1" * 16_000
        given = 0
        while connection.audio_dropped_bytes < 10 * len(chunk):
            connection.send_audio(chunk)
            given += len(chunk)
            await asyncio.sleep(0)
        dropped = connection.audio_dropped_bytes
        connection.send_text("still here")
        go.set()
        await peer.hear_until(lambda heard: "text" in heard[-1].get("realtimeInput", {}))
        heard = sum("audio" in m.get("realtimeInput", {}) for m in peer.messages)
    assert heard * len(chunk) == given - dropped
    assert peer.messages[-1] == {"realtimeInput": {"text": "still here"}}


async def test_text_beyond_the_bound_is_refused_and_not_dropped() -> None:
    go = asyncio.Event()

    async def play(peer: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await go.wait()
        socket.transport.resume_reading()
        await hear_all(peer, socket)

    async with talking(play) as (peer, connection):
        accepted = 0
        full = None
        while full is None:
            try:
                connection.send_text("x" * 100_000)
            except NetworkError as error:
                full = error
            else:
                accepted += 1
                await asyncio.sleep(0)
        assert full.code == "outbox_full"
        go.set()
        await peer.hear_until(lambda heard: len(heard) == accepted + 1)


async def test_activity_and_pictures_go_out_in_order() -> None:
    by_hand = RealtimeInputConfig(
        automatic_activity_detection=AutomaticActivityDetection(disabled=True)
    )
    async with talking(hear_all, config=replace(CONFIG, realtime_input=by_hand)) as (peer, talk):
        talk.start_activity()
        talk.send_video(b"a picture", "image/png")
        talk.end_activity()
        talk.update_context(system_instruction="Be brief.")
        with pytest.raises(InvalidRequest):
            talk.end_audio()
        await peer.hear_until(lambda heard: len(heard) == 5)
        sent = peer.messages[1:]
    picture = {"data": "YSBwaWN0dXJl", "mimeType": "image/png"}
    assert sent[:3] == [
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"video": picture}},
        {"realtimeInput": {"activityEnd": {}}},
    ]
    assert "Be brief." in str(sent[3])


async def test_usage_adds_up_and_the_turn_is_known() -> None:
    async def play(peer: Peer, socket: ServerConnection) -> None:
        for _ in range(2):
            await peer.say(socket, {"usageMetadata": {"totalTokenCount": 21}})
        await peer.say(socket, {"serverContent": {"outputTranscription": {"text": "Well"}}})
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        await collect(connection, OutputTranscript)
        assert connection.usage.total_tokens == 42
        assert connection.turn is Turn.GENERATING


# -- The end -----------------------------------------------------------------------------------


async def test_we_close_with_a_close_frame_and_receive_says_so() -> None:
    async with talking(quiet) as (peer, connection):
        await connection.receive()
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        await connection.close()
        assert await waiting == []
        assert await connection.receive() == []
        await connection.close()
        await peer.sockets[0].wait_closed()
        assert peer.sockets[0].close_code == 1000


async def test_after_our_close_text_is_misuse_and_audio_is_counted() -> None:
    async with talking(quiet) as (_, connection):
        await connection.close()
        connection.send_audio(b"\0" * 320)
        assert connection.audio_dropped_bytes == 320
        with pytest.raises(ProtocolMisuse):
            connection.send_text("hi")


async def test_what_came_before_the_end_is_given_first_and_then_the_error_each_time() -> None:
    async def play(peer: Peer, socket: ServerConnection) -> None:
        await peer.say(socket, sample("audio.chunk"))
        await socket.close(1011, "Internal error encountered.")

    async with talking(play) as (_, connection):
        events, error = await until_error(connection)
        assert [type(event) for event in events] == [Ready, Connected, Audio]
        assert isinstance(error, ProviderError)
        assert (error.code, error.status) == ("internal", 1011)
        with pytest.raises(ProviderError):
            await connection.receive()
        connection.send_audio(b"\0" * 320)
        assert connection.audio_dropped_bytes == 320
        with pytest.raises(ProviderError):
            connection.send_text("hi")


async def test_a_connection_that_breaks_is_a_network_error() -> None:
    async def play(_: Peer, socket: ServerConnection) -> None:
        socket.transport.abort()

    async with talking(play) as (_, connection):
        _, error = await until_error(connection)
    assert isinstance(error, NetworkError)
    assert (error.code, error.status) == ("connection_lost", 1006)


async def test_a_message_that_cannot_be_read_ends_the_session_with_a_close_frame() -> None:
    async def play(_: Peer, socket: ServerConnection) -> None:
        await socket.send(b"no json")
        await socket.wait_closed()

    async with talking(play) as (peer, connection):
        _, error = await until_error(connection)
        await peer.sockets[0].wait_closed()
        assert peer.sockets[0].close_code == 1000
    assert isinstance(error, ProtocolError)


async def test_a_frame_over_the_limit_is_the_service_s_fault() -> None:
    async def play(_: Peer, socket: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await socket.send(b" " * 5_000_000)
        await socket.wait_closed()

    async with talking(play) as (_, connection):
        _, error = await until_error(connection)
    assert isinstance(error, ProtocolError)
    assert error.status == 1009


async def test_after_go_away_the_deadline_needs_no_further_message() -> None:
    async def play(peer: Peer, socket: ServerConnection) -> None:
        await peer.say(socket, {"goAway": {"timeLeft": "0.2s"}})
        await socket.wait_closed()

    async with talking(play) as (peer, connection):
        events, error = await until_error(connection)
        await peer.sockets[0].wait_closed()
        assert peer.sockets[0].close_code == 1000
    assert isinstance(events[-1], GoAway)
    assert error.code == "go_away_overstayed"
    assert not error.permanent


async def test_closing_does_not_wait_for_a_service_that_takes_no_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.1)
    done = asyncio.Event()

    async def play(_: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await done.wait()
        socket.transport.abort()

    async with talking(play) as (_, connection):
        with contextlib.suppress(NetworkError):
            while True:
                connection.send_text("x" * 100_000)
                await asyncio.sleep(0)
        async with asyncio.timeout(3):
            await connection.close()
        assert await connection.receive() != []
        assert await connection.receive() == []
        done.set()


async def test_a_close_ends_every_task() -> None:
    async with talking(quiet) as (_, connection):
        assert ours() == {"live session", "live writer"}
        await connection.close()
        assert ours() == set()


async def test_an_error_ends_every_task_without_a_close_by_the_owner() -> None:
    async def play(_: Peer, socket: ServerConnection) -> None:
        await socket.close(1011, "Internal error encountered.")

    async with talking(play) as (_, connection):
        await until_error(connection)
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("live ")]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        assert ours() == set()


def ours() -> set[str]:
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith("live ")}


async def test_an_outbox_of_another_size_can_be_given() -> None:
    async def stall(peer: Peer, socket: ServerConnection) -> None:
        await peer.accept(socket)
        socket.transport.pause_reading()
        await socket.wait_closed()

    async with serving(stall) as peer:
        session = Session(CONFIG, peer.endpoint, outbox=Outbox(total_bytes=10))
        live_session = LiveSession(session, Dialer(endpoint=peer.endpoint, auth=AUTH))
        live_session.start()
        await live_session.ready()
        live_session.send_text("x" * MORE_THAN_THE_KERNEL_TAKES)
        with pytest.raises(NetworkError):
            live_session.send_text("more than ten bytes")
        peer.sockets[0].transport.abort()
        await live_session.close()
