import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.simulator.skills.numbers import in_words, numbers_in


@given(st.integers(0, 100))
def test_numbers_up_to_a_hundred_there_and_back(number: int) -> None:
    if number == 100:
        assert in_words(number) == "one hundred"
        return
    assert numbers_in(in_words(number).split()) == [number]
    assert numbers_in(in_words(number).replace("-", " ").split()) == [number]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("from three to twenty two", [3, 22]),
        ("5 and 12", [5, 12]),
        ("twenty and two", [20, 2]),
        ("nothing", []),
        ("twenty zero", [20, 0]),
    ],
)
def test_numbers_in_a_sentence(text: str, numbers: list[int]) -> None:
    assert numbers_in(text.split()) == numbers


def test_larger_numbers_stay_digits() -> None:
    assert in_words(101) == "101"
