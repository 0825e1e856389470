"""How a conversation is cut into segments."""

import numpy as np

from conversations.recordings.tape import SEGMENT_MS, SETTLE_MS, Segment, Tape
from conversations.states import Speaker

BEGAN_MS = 1500


def tone(ms: int, rate: int) -> bytes:
    return np.full(ms * rate // 1000, 9000, np.int16).tobytes()


def a_tape() -> tuple[Tape, list[Segment]]:
    kept: list[Segment] = []
    return Tape(BEGAN_MS, kept.append), kept


def test_both_sides_are_cut_at_the_same_times_and_quiet_ones_are_not_kept() -> None:
    tape, kept = a_tape()
    tape.play(tone(6000, 24_000), 2000)
    tape.hear(tone(20, 16_000), BEGAN_MS + SEGMENT_MS + 500)
    tape.pass_time(BEGAN_MS + SEGMENT_MS + SETTLE_MS - 1)
    assert kept == []
    tape.pass_time(BEGAN_MS + 2 * SEGMENT_MS + SETTLE_MS)
    shape = [(one.side, one.number, one.start_ms, one.length_ms) for one in kept]
    assert shape == [
        (Speaker.AGENT, 0, 1500, 4000),
        (Speaker.USER, 1, 5500, 4000),
        (Speaker.AGENT, 1, 5500, 4000),
    ]
    assert all(len(one.pcm) == one.length_ms * one.rate // 1000 * 2 for one in kept)


def test_the_end_keeps_what_is_still_heard_and_a_stop_does_not() -> None:
    tape, kept = a_tape()
    tape.play(tone(6000, 24_000), 2000)
    tape.end(3000)
    assert [(one.start_ms, one.length_ms) for one in kept] == [(1500, 4000), (5500, 2500)]
    tape, kept = a_tape()
    tape.play(tone(6000, 24_000), 2000)
    tape.stop(3000)
    tape.play(tone(6000, 24_000), 4000)
    tape.end(20_000)
    assert [(one.start_ms, one.length_ms) for one in kept] == [(1500, 1500)]
    assert not tape.is_on


def test_an_interruption_cuts() -> None:
    tape, kept = a_tape()
    tape.play(tone(2000, 24_000), 2000)
    tape.cut(2500)
    tape.end(5000)
    samples = np.frombuffer(kept[0].pcm, np.int16)
    assert np.count_nonzero(samples) == 500 * 24


def test_without_consent_nothing_is_held() -> None:
    tape = Tape(0, None)
    tape.hear(tone(20, 16_000), 100)
    tape.play(tone(20, 24_000), 100)
    tape.pass_time(60_000)
    tape.end(60_000)
    assert not tape.is_on
