"""Where each piece of sound comes to stand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conversations.recordings.track import (
    JITTER_MS,
    HeardVoice,
    PlayedVoice,
    Track,
    is_quiet,
    whole,
)

RATE = 16_000
FRAME_MS = 20


def tone(ms: int, level: int = 9000) -> bytes:
    return np.full(ms * RATE // 1000, level, np.int16).tobytes()


def track(*, ahead_ms: int = 30_000) -> Track:
    return Track(RATE, 0, ahead_ms=ahead_ms)


def loud_ms(taken: tuple[bytes, int]) -> list[tuple[int, int]]:
    """From when to when something is heard, in ms."""
    loud = np.abs(np.frombuffer(taken[0], np.int16)) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return [(a * 1000 // RATE, b * 1000 // RATE) for a, b in edges.reshape(-1, 2).tolist()]


def test_silence_costs_nothing_and_stands_for_itself() -> None:
    side = track()
    assert side.take(4000) == (b"", 0)
    side.put(side.samples(5000), tone(100), 5000)
    assert loud_ms(side.take(8000)) == [(1000, 1100)]
    assert side.end_ms == 8000


def test_what_is_said_ends_when_it_arrives_and_what_was_held_back_stands_before() -> None:
    side = track()
    voice = HeardVoice(side)
    for number in range(10):  # 200 ms in real time
        voice.hear(tone(FRAME_MS), 1000 + FRAME_MS * number)
    for _ in range(50):  # a second that was held back
        voice.hear(tone(FRAME_MS), 3000)
    voice.settle_now()
    spans = loud_ms(side.take(4000))
    assert [(round(a, -1), round(b, -1)) for a, b in spans] == [(980, 1180), (2000, 3000)]


def test_a_program_that_runs_ahead_is_waited_for_in_the_pauses() -> None:
    side = track()
    voice = HeardVoice(side)
    for number in range(100):  # 2 s of speech in 500 ms
        voice.hear(tone(FRAME_MS), 1000 + 5 * number)
    voice.settle_now()
    assert side.end_ms > 2500
    for number in range(100):  # 2 s of silence, in real time
        voice.hear(tone(FRAME_MS, 10), 1500 + FRAME_MS * number)
    voice.hear(tone(FRAME_MS), 3520)
    voice.settle_now()
    assert abs(side.end_ms - 3520) <= JITTER_MS


def test_the_agent_plays_on_at_its_own_pace_and_an_interruption_cuts() -> None:
    side = track()
    voice = PlayedVoice(side)
    for number in range(10):  # 2 s of speech in 100 ms
        voice.play(tone(200), 1000 + 10 * number)
    side.cut(2200)
    voice.play(tone(100), 2500)
    assert loud_ms(side.take(4000)) == [(1000, 2200), (2500, 2600)]


def test_what_is_too_far_ahead_is_lost_and_counted() -> None:
    side = track(ahead_ms=1000)
    PlayedVoice(side).play(tone(3000), 500)
    pcm, lost_ms = side.take(4000)
    assert (loud_ms((pcm, 0)), lost_ms) == ([(500, 1500)], 2000)


def test_small_things() -> None:
    assert whole(b"abc") == b"ab"
    assert is_quiet(tone(1, 10))
    assert not is_quiet(tone(1, -9000))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=60))
def test_a_voice_is_never_off_by_more_than_its_group(steps: list[tuple[int, int]]) -> None:
    """In real time or slower, a piece stands where it was said, to 50 ms."""
    side, now = track(), 0
    voice = HeardVoice(side)
    for pause, length in steps:
        now += pause + length
        voice.hear(tone(length), now)
        voice.settle_now()
        assert abs(side.end_ms - now) <= 50
    size = len(side.take(now + 100)[0])
    assert size in {0, (now + 100) * RATE // 1000 * 2}
