import pytest

from live.simulator.skills import answer
from tests.live.simulator.skills.question import asked

FACTS = """You are the assistant of Globex.
Fact: The Model 7 drill costs 199 euros.
Fact: Delivery is free in Belgium.
- Fact: Drills have a warranty of five years"""


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("What does the trail runner cost?", "89.90 euros"),
        ("Do you have mountain boots in Paris?", "sold out in Paris, but we have 3 in Lyon"),
        ("Is the City Walker in stock in Lyon?", "7 pairs"),
        ("Which stores have the kids sprint available?", "20 in Lyon"),
        ("Do you have running shoes in size forty two?", "comes in size 42"),
        ("Is there a hiking boot in size 36?", "sizes 38 to 47"),
        ("What sizes do you have?", "35 to 47"),
        ("How long does delivery take?", "two to three working days"),
        ("How much is shipping?", "4.90 euros"),
        ("Can I send them back?", "within 30 days"),
        ("When do you open?", "from ten to seven"),
        ("What shoes do you sell?", "the City Walker for 64.50 euros"),
        ("Hello, what do the boots cost?", "149 euros"),
        ("Is anything in stock in Lyon?", "Which shoe do you mean?"),
    ],
)
def test_the_built_in_shop(question: str, part: str) -> None:
    assert part in answer(asked(question))


def test_it_means_the_shoe_spoken_of() -> None:
    before = ("What does the trail runner cost?", "The Trail Runner costs 89.90 euros.")
    assert "12 pairs of the Trail Runner" in answer(asked("Do you have it in Lyon?", *before))
    assert "sold out in Marseille" in answer(asked("And in Marseille?", *before))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How much is the drill?", "The Model 7 drill costs 199 euros."),
        ("Is there a warranty?", "Drills have a warranty of five years."),
        ("Do you ship to Belgium?", "Delivery is free in Belgium."),
    ],
)
def test_facts_of_the_instruction_answer(question: str, said: str) -> None:
    assert answer(asked(question, instruction=FACTS)) == said


def test_with_facts_the_built_in_shop_is_not_mentioned() -> None:
    assert "euros" not in answer(asked("Trail runner in Lyon?", instruction=FACTS))
