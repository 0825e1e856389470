from dataclasses import replace

import pytest

from live.simulator.skills import answer
from tests.live.simulator.skills.question import asked


@pytest.mark.parametrize("text", ["What do you see?", "Can you see me?", "Look at my screen"])
def test_without_a_picture_it_sees_nothing(text: str) -> None:
    assert "no picture has come" in answer(asked(text))


@pytest.mark.parametrize(
    ("pictures", "size", "told"),
    [
        (1, (768, 432), "one picture. The last one is 768 by 432 pixels"),
        (3, (480, 768), "3 pictures. The last one is 480 by 768 pixels"),
        (1, (0, 0), "cannot make it out"),
    ],
)
def test_it_tells_what_came(pictures: int, size: tuple[int, int], told: str) -> None:
    question = replace(asked("What do you see?"), pictures=pictures, last_picture=size)
    assert told in answer(question)


def test_other_questions_are_not_about_pictures() -> None:
    assert "picture" not in answer(replace(asked("Hello"), pictures=2, last_picture=(768, 432)))
