import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.simulator.speech.alphabet import (
    CLAUSE_GAP_S,
    F1_HZ,
    F2_HZ,
    SENTENCE_GAP_S,
    SYMBOLS,
    WORD_GAP_S,
    formants,
    gap_after,
    sounds,
    spell,
    spoken_form,
)


def test_every_symbol_has_a_pair_of_formants_of_its_own() -> None:
    pairs = {formants(sound) for sound in range(64)}
    assert len(SYMBOLS) == len(set(SYMBOLS)) == len(pairs) == 64
    assert all(hz % 25 == 0 for hz in F1_HZ + F2_HZ)


@given(st.text())
def test_what_is_sayable_can_be_spelt_back(text: str) -> None:
    form = spoken_form(text)
    assert spoken_form(form) == form
    assert " ".join(spell(sounds(word)) for word in form.split()) == form


def test_what_cannot_be_said_is_dropped_or_plain() -> None:
    assert spoken_form("Zoë  said\n\u201cno\u201d \u2013 日本 🙂 ½") == 'Zoe said "no" - 1'


@pytest.mark.parametrize(
    ("word", "gap"),
    [
        ("shoe", WORD_GAP_S),
        ("shoe,", CLAUSE_GAP_S),
        ("shoe.", SENTENCE_GAP_S),
        ('shoe?"', SENTENCE_GAP_S),
        ("", WORD_GAP_S),
    ],
)
def test_punctuation_makes_a_longer_pause(word: str, gap: float) -> None:
    assert gap_after(word) == gap


def test_a_word_of_capitals_needs_one_more_sound_only() -> None:
    assert len(sounds("TRAIL")) == 6
    assert len(sounds("Trail")) == 6
