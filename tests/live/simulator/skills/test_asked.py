from live.simulator.skills import answer
from live.simulator.skills.asked import words_of
from tests.live.simulator.skills.question import asked


def test_facts_are_lines_of_the_instruction() -> None:
    instruction = "You sell shoes.\nFact: One costs 5 euros.\n - fact:  Two is blue \nIn fact: no."
    assert asked("?", instruction=instruction).facts == ["One costs 5 euros.", "Two is blue"]


def test_words_are_lower_case_and_bare() -> None:
    assert words_of("Hello, I\u2019m BLUE-heron (42)!") == ["hello", "i'm", "blue-heron", "42"]


def test_the_same_question_gets_the_same_answer_and_the_seed_chooses() -> None:
    assert answer(asked("Hello!", seed=1)) == answer(asked("Hello!", seed=1))
    assert len({answer(asked("Hello!", seed=seed)) for seed in range(20)}) > 1


def test_a_fallback_relates_to_what_was_said() -> None:
    said = answer(asked("Is the moon made of cheese?"))
    assert "Is the moon made of cheese" in said
    assert "prices" in said
    assert "my instructions" in answer(asked("Why?", instruction="Fact: Boots are warm."))
    assert answer(asked("")).startswith("I am listening.")
