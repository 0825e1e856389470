import numpy as np
import pytest

from live.simulator.skills.stories import STORIES
from live.simulator.speech.voice import phrase_pcm, phrases, speak


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_speech_has_the_rhythm_of_speech(rate: int) -> None:
    text = "I would like to know what the running shoes cost, and if you have them in Lyon."
    minutes = len(speak(text, rate)) / 2 / rate / 60
    assert 130 < len(text.split()) / minutes < 190


def test_speech_is_audible_and_leaves_room() -> None:
    samples = np.frombuffer(speak("Hello there, can you hear me?"), dtype="<i2") / 32768
    assert 0.2 < np.abs(samples).max() < 0.34
    assert np.sqrt((samples**2).mean()) > 0.08


def test_pieces_of_a_text_are_short_and_lose_nothing() -> None:
    for text in (*STORIES, "", " a ", "word", "one  two\n\nthree. " * 40):
        pieces = list(phrases(text))
        assert "".join(pieces) == (text if text.strip() else "")
        assert all(len(piece) < 80 for piece in pieces)


def test_a_long_text_is_the_sound_of_its_pieces() -> None:
    text = "The quick brown fox, who was not so quick after all, jumped over the lazy dog."
    sound = b"".join(phrase_pcm(piece, 16000) for piece in phrases(text))
    assert speak(text, 16000).endswith(sound)


def test_nothing_to_say_is_a_short_silence() -> None:
    assert set(speak("日本")) == {0}
    assert len(speak("")) < 48000 * 0.1


def test_voices_differ_in_pitch() -> None:
    assert phrase_pcm("hello", 16000, pitch=110) != phrase_pcm("hello", 16000, pitch=170)
