import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.simulator.activity import ActivityDetector, Change, Detection
from live.simulator.speech import speak


def tone(seconds: float, level: float = 0.1, rate: int = 16000) -> bytes:
    samples = level * 1.414 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    return bytes((samples * 32767).astype("<i2").tobytes())


def silence(seconds: float, rate: int = 16000) -> bytes:
    return bytes(2 * int(seconds * rate))


def noise(seconds: float, level: float, rate: int = 16000) -> bytes:
    samples = np.random.default_rng(0).normal(scale=level, size=int(seconds * rate))
    return bytes((samples * 32767).astype("<i2").tobytes())


def test_start_is_committed_after_the_padding_and_end_after_the_silence() -> None:
    detector = ActivityDetector(Detection(prefix_ms=100, silence_ms=600))
    changes = detector.feed(silence(0.5) + tone(1) + silence(1), 16000)
    assert changes == [Change(True, 0.6), Change(False, 2.1)]
    assert not detector.active


def test_a_click_is_no_speech() -> None:
    detector = ActivityDetector(Detection())
    assert detector.feed((silence(0.3) + tone(0.06)) * 10, 16000) == []


def test_pauses_between_words_and_sentences_do_not_end_speech() -> None:
    detector = ActivityDetector(Detection(silence_ms=500))
    sound = speak("Hello there. How are you today? I am fine, thanks.", 16000) + silence(1)
    assert [change.active for change in detector.feed(sound, 16000)] == [True, False]


def test_steady_noise_is_forgotten_and_speech_over_it_is_heard() -> None:
    detector = ActivityDetector(Detection())
    detector.feed(noise(20, 0.01), 16000)
    assert not detector.active
    loud = np.frombuffer(tone(1, 0.1), "<i2") + np.frombuffer(noise(1, 0.01), "<i2")
    assert detector.feed(loud.astype("<i2").tobytes(), 16000)[0].active


@pytest.mark.parametrize("level", [0.015, 0.12, 0.9])
def test_quiet_and_loud_speakers_are_heard(level: float) -> None:
    detector = ActivityDetector(Detection())
    assert [change.active for change in detector.feed(tone(0.5, level), 16000)] == [True]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=20))
def test_pieces_of_any_size_make_no_difference(sizes: list[int]) -> None:
    sound = silence(0.3) + tone(0.5) + silence(0.9)
    detector, position, changes = ActivityDetector(Detection()), 0, []
    while position < len(sound):
        size = 2 * sizes[position % len(sizes)]
        changes += detector.feed(sound[position : position + size], 16000)
        position += size
    assert changes == ActivityDetector(Detection()).feed(sound, 16000)


def test_finish_ends_what_goes_on_and_only_that() -> None:
    detector = ActivityDetector(Detection())
    assert detector.finish() == []
    detector.feed(tone(0.5), 16000)
    assert detector.finish() == [Change(False, 0.5)]
    assert detector.feed(silence(1), 16000) == []


def test_another_rate_goes_on_counting_seconds() -> None:
    detector = ActivityDetector(Detection())
    detector.feed(silence(1, 48000), 48000)
    assert detector.feed(tone(0.5), 16000) == [Change(True, 1.1)]
