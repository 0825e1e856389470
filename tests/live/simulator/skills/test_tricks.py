import pytest

from live.simulator.skills import answer
from live.simulator.skills.stories import STORIES
from tests.live.simulator.skills.question import asked


@pytest.mark.parametrize(
    ("question", "counted"),
    [
        ("Count to five.", "One, two, three, four, five."),
        ("Please count from 3 to 6", "Three, four, five, six."),
        ("count down from three", "Three, two, one."),
        ("Can you count backwards from 8 to 6?", "Eight, seven, six."),
    ],
)
def test_counts(question: str, counted: str) -> None:
    assert answer(asked(question)) == counted


def test_counting_has_an_end() -> None:
    assert answer(asked("count to 999999999999")).endswith("ninety-nine, one hundred.")
    assert answer(asked("count to twenty")).count(",") == 19


def test_spells() -> None:
    assert answer(asked("How do you spell the word heron?")) == "heron is spelt H, E, R, O, N."


@pytest.mark.parametrize(
    ("question", "repeated"),
    [
        ("Say hello world.", "hello world."),
        ("Please repeat after me: One two", "One two"),
        ("Can you say 'good morning'", "good morning"),
    ],
)
def test_repeats(question: str, repeated: str) -> None:
    assert answer(asked(question)) == repeated


def test_tells_time_and_date() -> None:
    assert answer(asked("What time is it?")) == "It is 12:05 UTC."
    assert answer(asked("What day is it today?")) == "Today is Sunday, 22 November 2026."


def test_tells_another_story_the_second_time() -> None:
    first = answer(asked("Tell me a story"))
    second = answer(asked("Another story please", "Tell me a story", first))
    assert {first, second} == set(STORIES)
