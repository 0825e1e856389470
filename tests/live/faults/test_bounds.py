"""What a fault may cost: memory within the bound, time within the limit."""

import time
from typing import Any

import pytest

from live import Audio, NetworkError
from live.handshake import DirectConnect
from live.outbox import AUDIO_BYTES
from tests.live.faults.stage import ASK_COUNT, Stage, Talk, open_sockets, said

CHUNK = bytes(32 * 1024)
MORE_THAN_THE_KERNEL_TAKES = 64 * 1024 * 1024


def flood(talk: Talk) -> int:
    """Send sound until some of it is dropped, and as much again as may wait; bytes sent."""
    sent = after = 0
    while after < AUDIO_BYTES and sent < MORE_THAN_THE_KERNEL_TAKES:
        talk.session.send_audio(CHUNK)
        sent += len(CHUNK)
        after += len(CHUNK) if talk.session.audio_dropped_bytes else 0
    return sent


async def test_a_stall_drops_the_oldest_sound_and_the_talk_goes_on(stage: Stage) -> None:
    talk = await stage.connect("stall")
    await talk.ready()  # the server reads no more, and still sends
    sent = flood(talk)
    dropped = talk.session.audio_dropped_bytes
    assert 0 < dropped < sent
    assert said(await talk.type(ASK_COUNT)) == "One, two, three."
    assert talk.session.audio_dropped_bytes == dropped


async def test_what_waits_in_a_stall_is_bounded(stage: Stage) -> None:
    talk = await stage.connect("stall")
    await talk.ready()
    flood(talk)
    dropped = talk.session.audio_dropped_bytes
    await talk.session.close()
    waited = talk.session.audio_dropped_bytes - dropped
    assert AUDIO_BYTES // 2 < waited <= AUDIO_BYTES * 3 // 4  # base64 makes four bytes of three


async def test_in_a_silence_the_sound_goes_out_all_the_same(stage: Stage) -> None:
    talk = await stage.connect("silence")
    await talk.ready()
    talk.session.send_text(ASK_COUNT)
    await talk.until(Audio)
    for _ in range(50):
        talk.session.send_audio(bytes(3200))
    await talk.until(Audio)
    assert talk.session.audio_dropped_bytes == 0


class Wound:
    """A clock that is put on by as much as a setup may take, once the socket is open."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead

    async def connect(self, uri: str, **options: Any) -> Any:
        socket = await DirectConnect(uri, **options)
        self.ahead = 10.0
        return socket


async def test_a_setup_that_takes_too_long_is_given_up(stage: Stage) -> None:
    clock = Wound()
    with pytest.raises(NetworkError) as caught:
        await stage.connect("slow-setup", connector=clock.connect, clock=clock, setup_timeout=10.0)
    assert caught.value.code == "setup_timeout"
    assert not caught.value.permanent
    assert stage.timers  # and the stage's end proves that they are cancelled or over


async def test_the_stage_sees_what_is_open(stage: Stage) -> None:
    await stage.connect()
    assert open_sockets(stage.simulator) == ["ESTABLISHED"] * 2
    with pytest.raises(AssertionError):
        stage.check_nothing_is_left()
