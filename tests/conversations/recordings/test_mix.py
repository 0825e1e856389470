"""A recording as one sound, wherever one begins to read it."""

import io
import wave
from functools import partial

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from conversations.recordings.mix import FRAME_BYTES, HEADER_BYTES, RATE, Mix, Part, at_rate, load
from conversations.recordings.sound import to_flac
from conversations.states import Speaker

USER = partial(Part, Speaker.USER, rate=16_000, lost_ms=0)
AGENT = partial(Part, Speaker.AGENT, rate=RATE, lost_ms=0)


def stored(name: str, ms: int, rate: int, level: int) -> str:
    pcm = np.full(ms * rate // 1000, level, np.int16).tobytes()
    return default_storage.save(f"{name}.flac", ContentFile(to_flac(pcm, rate)))


def a_mix() -> Mix:
    return Mix(
        [
            USER(start_ms=1000, length_ms=1000, file=stored("u", 1000, 16_000, 1000)),
            AGENT(start_ms=1500, length_ms=2000, file=stored("a", 2000, RATE, 2000)),
            # A later epoch's, which begins before the one before has ended.
            AGENT(start_ms=3000, length_ms=1000, file=stored("b", 1000, RATE, 3000)),
            Part(Speaker.USER, 4000, 1000, 700, 16_000, ""),
        ],
        at_least_ms=4500,
    )


def test_both_sides_stand_where_they_were_heard() -> None:
    mix = a_mix()
    assert (mix.length_ms, mix.lost_ms) == (5000, 700)
    with wave.open(io.BytesIO(b"".join(mix.pieces()))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, RATE, 5 * RATE)
        frames = np.frombuffer(file.readframes(5 * RATE), np.int16).reshape(-1, 2)
    levels = {ms: tuple(frames[ms * 24].tolist()) for ms in (500, 1200, 1700, 2500, 3500, 4500)}
    assert levels == {
        500: (0, 0),
        1200: (1000, 0),
        1700: (1000, 2000),
        2500: (0, 2000),
        3500: (0, 3000),
        4500: (0, 0),
    }


def test_any_range_is_a_part_of_the_whole() -> None:
    mix = a_mix()
    everything = b"".join(mix.pieces())
    assert len(everything) == mix.total_bytes
    into_what_is_lost = HEADER_BYTES + FRAME_BYTES * (4 * RATE + 1000)
    for start, stop in (
        *((0, 10), (40, 51), (96_001, 300_003)),
        *((mix.total_bytes - 5, None), (into_what_is_lost, None)),
    ):
        assert b"".join(mix.pieces(start, stop)) == everything[start:stop]


def test_a_file_that_is_gone_is_silence() -> None:
    assert len(load("tenants/nobody/nothing.flac")) == 0
    assert len(at_rate(np.zeros(16_000, np.int16), 16_000)) == RATE
