"""Which of the user's texts are taken, with the clock in the test's hand."""

from __future__ import annotations

from conversations.quotas.rules import Bounds
from conversations.worker.texts import KNOWN_REFS, STORE_BEHIND, UNSAVED_CHARS, TextGate


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_text_is_known_until_many_came_after_it() -> None:
    gate = TextGate(["old"], Clock())
    assert gate.knows("old")
    assert not gate.knows("new")
    for number in range(KNOWN_REFS - 1):
        gate.took(f"r{number}")
    assert gate.knows("old")
    gate.took("last")
    assert not gate.knows("old")


def test_a_long_text_is_refused_with_the_length_that_passes() -> None:
    gate, bounds = TextGate([], Clock()), Bounds(message_chars=5)
    assert gate.refuse("five!", bounds, unsaved_chars=0) is None
    error = gate.refuse("longer", bounds, unsaved_chars=0)
    assert error is not None
    assert error.code == "text-too-long"
    assert "5 characters" in error.message


def test_texts_that_come_too_fast_are_told_when_they_may() -> None:
    clock = Clock()
    gate, bounds = TextGate([], clock), Bounds(messages_per_min=2)
    assert [gate.refuse("a", bounds, unsaved_chars=0) for _ in range(2)] == [None, None]
    error = gate.refuse("a", bounds, unsaved_chars=0)
    assert error is not None
    assert (error.code, error.retry_after_s) == ("too-many-texts", 30)
    clock.now = 30.0
    assert gate.refuse("a", bounds, unsaved_chars=0) is None


def test_without_a_rate_nothing_is_counted() -> None:
    gate = TextGate([], Clock())
    assert [gate.refuse("a", Bounds(), unsaved_chars=0) for _ in range(100)] == [None] * 100


def test_a_store_that_is_behind_takes_no_more() -> None:
    gate = TextGate([], Clock())
    assert gate.refuse("a", Bounds(), unsaved_chars=UNSAVED_CHARS) is None
    assert gate.refuse("a", Bounds(), unsaved_chars=UNSAVED_CHARS + 1) is STORE_BEHIND
