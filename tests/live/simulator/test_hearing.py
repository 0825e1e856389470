import pytest

from live.simulator.activity import Detection
from live.simulator.hearing import MAX_SPEECH_S, Began, Ended, Hearing
from live.simulator.speech import speak
from live.simulator.speech.alphabet import SENTENCE_GAP_S

TEXT = "Do you have it in Paris?"
SILENCE = bytes(2 * 16000)


def automatic() -> Hearing:
    return Hearing(Detection(), automatic=True)


def manual() -> Hearing:
    return Hearing(Detection(), automatic=False)


@pytest.mark.parametrize("size", [641, 3200, 10**6])
def test_words_survive_pieces_of_any_size(size: int) -> None:
    hearing, found = automatic(), []
    sound = SILENCE + speak(TEXT, 16000) + SILENCE
    for start in range(0, len(sound), size):
        found += hearing.audio(sound[start : start + size], 16000)
    began, ended = found
    assert isinstance(began, Began)
    assert isinstance(ended, Ended)
    assert ended.text == TEXT
    spoken_s = len(speak(TEXT, 16000)) / 32000 - SENTENCE_GAP_S
    assert ended.seconds == pytest.approx(spoken_s, abs=0.15)


def test_the_first_word_is_kept_from_before_the_start_was_committed() -> None:
    hearing = Hearing(Detection(prefix_ms=300), automatic=True)
    [_began, ended] = hearing.audio(speak(TEXT, 16000) + SILENCE, 16000)
    assert isinstance(ended, Ended)
    assert ended.text == TEXT


def test_the_end_of_the_stream_ends_speech() -> None:
    hearing = automatic()
    hearing.audio(speak(TEXT, 16000), 16000)
    assert hearing.active
    [ended] = hearing.end()
    assert isinstance(ended, Ended)
    assert ended.text == TEXT
    assert hearing.end() == []


def test_endless_speech_is_cut() -> None:
    hearing = automatic()
    sound = speak("blah " * 25, 16000)
    found = [change for _ in range(12) for change in hearing.audio(sound, 16000)]
    ended = [change for change in found if isinstance(change, Ended)]
    assert ended
    assert all(change.seconds <= MAX_SPEECH_S + 1 for change in ended)


def test_manual_activity_takes_what_is_between_the_marks() -> None:
    hearing = manual()
    assert hearing.audio(speak("Not this.", 16000), 16000) == []
    [began] = hearing.start()
    assert isinstance(began, Began)
    assert began.offset_s == pytest.approx(1.1, abs=0.5)
    assert hearing.start() == []
    assert hearing.audio(speak(TEXT, 16000), 16000) == []
    [ended] = hearing.end()
    assert isinstance(ended, Ended)
    assert ended.text == TEXT


def test_manual_activity_without_speech_has_no_seconds() -> None:
    hearing = manual()
    hearing.start()
    hearing.audio(SILENCE, 16000)
    [ended] = hearing.end()
    assert isinstance(ended, Ended)
    assert (ended.seconds, ended.text) == (0.0, "")


def test_a_new_rate_in_between_is_heard_too() -> None:
    hearing = automatic()
    hearing.audio(bytes(4001), 16000)
    [_began, ended] = hearing.audio(speak(TEXT, 48000) + bytes(96000), 48000)
    assert isinstance(ended, Ended)
    assert ended.text == TEXT
