import pytest

from live.simulator.skills import answer
from live.simulator.skills.manners import agent_name, unheard_speech
from tests.live.simulator.skills.question import asked


def test_greets_by_the_name_it_was_given() -> None:
    assert "I am Ada." in answer(asked("Hello!", instruction="You are Ada, kind and brief."))
    assert answer(asked("Bonjour")).startswith("Hello! ")


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        ("You are Ada.", "Ada"),
        ("You are the assistant of Acme. Your name is Bob.", "Bob"),
        ("You are called Eve", "Eve"),
        ("You are helpful.", ""),
        ("When you are interrupted, stop.", ""),
        ("", ""),
    ],
)
def test_names_in_instructions(instruction: str, name: str) -> None:
    assert agent_name(asked("", instruction=instruction)) == name


def test_says_what_it_is() -> None:
    for question in ("Who are you?", "What's your name?", "Are you real?"):
        assert "a simulation" in answer(asked(question))


def test_thanks_and_goodbye() -> None:
    assert "welcome" in answer(asked("Thank you", seed=1)) + answer(asked("thanks", seed=2)) or (
        "pleasure" in answer(asked("thanks", seed=2))
    )
    assert answer(asked("Thanks, bye!")).startswith("Goodbye")


def test_is_honest_about_speech_it_cannot_make_out() -> None:
    text = unheard_speech(2.34)
    assert text == "(speech the simulator cannot make out, 2.3 s)"
    assert "Please type your message, or use the sample voice." in answer(asked(text))
