import pytest

from live.simulator.skills.sums import work_out
from tests.live.simulator.skills.question import asked


@pytest.mark.parametrize(
    ("question", "code", "output", "said"),
    [
        ("What is 12 times 7?", "print(12 * 7)", "84\n", "12 times 7 is 84."),
        ("Work out 12*7, please", "print(12 * 7)", "84\n", "12 times 7 is 84."),
        ("twenty-one plus twenty", "print(21 + 20)", "41\n", "21 plus 20 is 41."),
        ("1 minus 5", "print(1 - 5)", "-4\n", "1 minus 5 is -4."),
        ("7 divided by 2", "print(7 / 2)", "3.5\n", "7 divided by 2 is 3.5."),
        ("8/2", "print(8 / 2)", "4.0\n", "8 divided by 2 is 4."),
    ],
)
def test_a_sum_is_worked_out_by_a_program(question: str, code: str, output: str, said: str) -> None:
    found = work_out(asked(question))
    assert found is not None
    first, second = found.parts
    assert first == {"executableCode": {"language": "PYTHON", "code": code}}
    assert second == {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": output}}
    assert found.text == said


def test_a_program_may_fail() -> None:
    found = work_out(asked("1 divided by 0"))
    assert found is not None
    failure = "ZeroDivisionError: division by zero\n"
    assert found.parts[1] == {
        "codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": failure}
    }
    assert found.text == "Nothing can be divided by zero."


@pytest.mark.parametrize(
    "question", ["Hello", "three times", "times seven", "the 2 plus points", "count to ten"]
)
def test_other_words_are_no_sum(question: str) -> None:
    assert work_out(asked(question)) is None
