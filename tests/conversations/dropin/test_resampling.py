"""Other rates become ours, without a click between two pieces."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conversations.dropin.resampling import Resampler


def tone(hz: int, rate: int, seconds: float = 0.5) -> bytes:
    times = np.arange(int(rate * seconds)) / rate
    return (8000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()


def test_our_own_rate_passes_as_it_is() -> None:
    assert Resampler(16_000).take(b"\1\2\3\4", 16_000) == b"\1\2\3\4"


@given(st.sampled_from([8000, 22_050, 24_000, 44_100, 48_000]), st.integers(1, 4000))
def test_pieces_make_what_the_whole_makes(rate: int, size: int) -> None:
    pcm = tone(440, rate, 0.1)
    pieces = Resampler(16_000)
    cut = [pcm[start : start + 2 * size] for start in range(0, len(pcm), 2 * size)]
    got = np.frombuffer(b"".join(pieces.take(each, rate) for each in cut), dtype="<i2")
    whole = np.frombuffer(Resampler(16_000).take(pcm, rate), dtype="<i2")
    count = min(len(got), len(whole))
    assert abs(len(got) - len(whole)) <= 1
    assert np.abs(got[:count].astype(int) - whole[:count]).max(initial=0) <= 1


def test_a_tone_stays_one() -> None:
    for rate in (8000, 24_000, 44_100, 48_000):
        pcm = np.frombuffer(Resampler(16_000).take(tone(440, rate), rate), dtype="<i2")
        loudest = np.abs(np.fft.rfft(pcm)).argmax() * 16_000 / len(pcm)
        assert abs(loudest - 440) < 4


def test_a_new_rate_begins_a_new_stream() -> None:
    resampler = Resampler(16_000)
    resampler.take(b"\1\0", 48_000)
    assert resampler.take(b"\5\0" * 3, 24_000) == b"\5\0" * 2
