import asyncio
import base64
import json

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from benchmarks.callers import (
    SILENCE,
    Address,
    EchoCaller,
    Speaker,
    close_all,
    frame_at,
    frame_of,
    open_all,
    question_of,
    talk,
    wait_for,
)
from benchmarks.sessions import CHUNK_BYTES, SessionFailed, clock
from benchmarks.tally import TAG
from live.simulator import Pace, Simulator
from live.simulator.speech import speak

QUICK = Pace(setup=0.0, hearing=0.0, playback=0.0, speed=100.0)
WORDS = "Say yes."


async def test_every_chunk_comes_back_from_the_simulator() -> None:
    async with Simulator(scenario="echo", pace=QUICK) as simulator:
        address = Address(simulator.url, simulator.api_key)
        callers = [EchoCaller(address, number) for number in range(3)]
        await open_all(callers)
        now = clock()
        assert await talk(callers, now, now + 0.35) == 11
        await wait_for(lambda: all(caller.track.is_complete for caller in callers))
        await close_all(callers)
    assert [len(caller.track.sent_at) for caller in callers] == [4, 4, 3]
    assert {caller.complaint for caller in callers} == {""}
    assert sum(caller.track.foreign + caller.track.repeated for caller in callers) == 0


async def test_a_server_sees_chunks_as_a_client_sends_them() -> None:
    seen: list[str | bytes] = []

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            seen.append(message)
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        caller = EchoCaller(Address(f"http://127.0.0.1:{port}"), 7)
        await open_all([caller])
        caller.speak()
        caller.speak()
        await wait_for(lambda: caller.track.is_complete)
        await close_all([caller])
    setup, *chunks = [json.loads(message) for message in seen]
    assert setup["setup"]["model"] == "models/gemini-3.8-live"
    audio = [chunk["realtimeInput"]["audio"] for chunk in chunks]
    sounds = [base64.b64decode(blob["data"], validate=True) for blob in audio]
    assert [TAG.unpack(sound[: TAG.size]) for sound in sounds] == [(7, 0), (7, 1)]
    assert {len(sound) for sound in sounds} == {CHUNK_BYTES}
    assert {blob["mimeType"] for blob in audio} == {"audio/pcm;rate=16000"}


async def test_a_question_is_understood_and_answered() -> None:
    async with Simulator(pace=QUICK) as simulator:
        question = question_of(speak(WORDS, 16000))
        address = Address(simulator.url, simulator.api_key)
        caller = Speaker(address, question, WORDS, cycle=len(question) + 10, wait=2)
        await open_all([caller])
        # Faster than it is spoken: for the simulator's ears the sound is the clock.
        async with asyncio.timeout(5):
            while not caller.answers:
                caller.hush() if caller.asked else None
                caller.speak()
                await asyncio.sleep(0.002)
        await close_all([caller])
    assert (caller.asked, caller.answers, caller.complaint) == (1, 1, "")


async def test_what_was_not_understood_is_no_answer() -> None:
    async with Simulator(pace=QUICK) as simulator:
        question = question_of(speak(WORDS, 16000))
        address = Address(simulator.url, simulator.api_key)
        other = Speaker(address, question, "Say no.", cycle=len(question) + 10, wait=0)
        heard = Speaker(address, question, WORDS, cycle=len(question) + 10, wait=0)
        await open_all([other, heard])
        async with asyncio.timeout(5):
            while not heard.answers:
                other.speak()
                heard.speak()
                await asyncio.sleep(0.002)
        await close_all([other, heard])
    assert (other.answers, heard.answers) == (0, 1)


async def test_a_wrong_key_and_a_closed_port_are_told() -> None:
    async with Simulator(scenario="echo") as simulator:
        with pytest.raises(SessionFailed, match=r"not opened: 1007 .* API key not valid"):
            await open_all([EchoCaller(Address(simulator.url, "wrong key"), 0)])
        nowhere = simulator.url
    with pytest.raises(SessionFailed, match=r"not opened: .*Refused"):
        await open_all([EchoCaller(Address(nowhere), 0)])


async def test_an_early_end_is_told() -> None:
    pace = Pace(setup=0.0, go_away=0.01, time_left=0.0)
    async with Simulator(scenario="echo", pace=pace) as simulator:
        caller = EchoCaller(Address(simulator.url, simulator.api_key), 0)
        await open_all([caller])
        await wait_for(lambda: bool(caller.complaint))
        caller.speak()
        await close_all([caller])
    assert caller.complaint == "closed with 1008"
    assert len(caller.track.sent_at) <= 1


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_where_a_frame_begins_and_ends(size: int) -> None:
    frame = Frame(Opcode.BINARY, bytes(size)).serialize(mask=False)
    body, end, opcode = frame_at(b"before" + frame + b"xx", 6)
    assert (end - body, end, opcode) == (size, 6 + len(frame), 2)


def test_a_frame_that_has_only_begun_ends_beyond_what_is_there() -> None:
    frame = Frame(Opcode.BINARY, bytes(70_000)).serialize(mask=False)
    for size in (4, 9, 100):
        assert frame_at(frame[:size], 0)[1] > size


def test_a_question_is_cut_into_chunks_of_a_tenth_of_a_second() -> None:
    question = question_of(b"\1\0" * 2000)
    assert len(question) == 2
    assert {len(frame) for frame in question} == {len(SILENCE)}
    assert len(frame_of(b"x" * 126)) == 126 + 8
