from live.simulator.skills import answer
from tests.live.simulator.skills.question import asked

TOLD = ("The code word is blue-heron.", "I will remember it.")


def test_the_code_word_is_remembered() -> None:
    assert answer(asked(TOLD[0])) == "I will remember it: the code word is blue-heron."
    assert answer(asked("What is the code word?", *TOLD)) == "The code word is blue-heron."
    newer = ("My codeword is 'owl'", "Fine.")
    assert answer(asked("and the code word?", *TOLD, *newer)) == "The code word is owl."


def test_an_unknown_code_word_is_not_made_up() -> None:
    assert answer(asked("What is the code word?")) == "You have not told me a code word yet."


def test_the_users_name() -> None:
    told = ("Hello, my name is ada", "Nice to meet you, Ada!")
    assert "Ada" in answer(asked(told[0]))
    assert answer(asked("What is my name?", *told)) == "Your name is Ada."
    assert answer(asked("Who am I?")) == "You have not told me your name."


def test_what_was_said() -> None:
    before = ("First thing.", "Yes?", "Second thing.", "Yes?")
    assert answer(asked("What did I say?", *before)) == "You said: Second thing."
    assert answer(asked("What did I say first?", *before)).endswith("First thing.")
    assert answer(asked("What did I ask?")) == "This is the first thing you said to me."
