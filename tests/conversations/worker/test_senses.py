"""Pictures in time, and what was lost of the voice, on a clock of the test's own."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from conversations import protocol as p
from conversations.worker.senses import PICTURE_EVERY_S, PictureGate, Senses
from live import ProtocolMisuse
from live.errors import Diagnosis

OVER = ProtocolMisuse(Diagnosis("over", "It is over.", "Begin anew.", permanent=True))


class Session:
    """Takes what it is given; `audio_dropped_bytes` is the test's to set."""

    def __init__(self) -> None:
        self.audio_dropped_bytes = 0
        self.heard: list[bytes] = []
        self.seen: list[bytes] = []
        self.is_over = False
        self.came = asyncio.Event()

    def send_audio(self, pcm: bytes) -> None:
        self.heard.append(pcm)

    def send_video(self, frame: bytes) -> None:
        self.came.set()
        if self.is_over:
            raise OVER
        self.seen.append(frame)


@given(st.lists(st.floats(0, 3), max_size=40))
def test_one_picture_a_second_and_always_the_newest(pauses: list[float]) -> None:
    gate, now, sent = PictureGate(), 0.0, []
    for number, pause in enumerate(pauses):
        then = now + pause
        while (wait := gate.wait_s(now)) is not None and now + wait <= then:
            now += wait
            sent.append((now, gate.take(now)))
        now = then
        gate.offer(b"%d" % number)
        if gate.wait_s(now) == 0:
            sent.append((now, gate.take(now)))
    if (wait := gate.wait_s(now)) is not None:
        sent.append((now + wait, gate.take(now + wait)))
    times = [when for when, _ in sent]
    assert all(b - a >= PICTURE_EVERY_S - 1e-9 for a, b in pairwise(times))
    numbers = [int(jpeg or b"-1") for _, jpeg in sent]
    assert numbers == sorted(set(numbers))
    assert not pauses or numbers[-1] == len(pauses) - 1
    assert gate.wait_s(now) is None


async def test_an_early_picture_waits_for_its_time_and_a_newer_one_takes_its_place() -> None:
    session, loop = Session(), asyncio.get_running_loop()
    ahead = 0.0
    senses = Senses(lambda: session, lambda: loop.time() + ahead)
    senses.show(b"one")
    assert session.seen == [b"one"]
    ahead = PICTURE_EVERY_S - 0.05
    senses.show(b"two")
    senses.show(b"three")
    assert session.seen == [b"one"]
    session.came.clear()
    await asyncio.wait_for(session.came.wait(), 10)
    assert session.seen == [b"one", b"three"]
    senses.show(b"four")
    senses.close()
    assert session.seen == [b"one", b"three"]


async def test_a_session_that_is_over_sees_nothing() -> None:
    session = Session()
    session.is_over = True
    senses = Senses(lambda: session, lambda: 0.0)
    senses.show(b"one")
    assert session.came.is_set()
    assert session.seen == []


def test_what_a_session_drops_is_told_also_when_another_steps_in() -> None:
    first, second = Session(), Session()
    now, sessions = 0.0, [first]
    senses = Senses(lambda: sessions[-1], lambda: now)
    senses.hear(b"voice")
    assert first.heard == [b"voice"]
    assert senses.lost() is None
    first.audio_dropped_bytes = 32_000
    assert senses.lost() == p.Gap(stream=0, ms=1000, speaker="user")
    first.audio_dropped_bytes = 48_000
    assert senses.lost() is None  # told a moment ago
    now = 1.0
    assert senses.lost() == p.Gap(stream=0, ms=500, speaker="user")
    sessions.append(second)
    second.audio_dropped_bytes = 3_200
    now = 2.0
    assert senses.lost() == p.Gap(stream=0, ms=100, speaker="user")
