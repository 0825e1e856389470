"""What a session that begins anew is told."""

from __future__ import annotations

from conversations import protocol as p
from conversations.states import Speaker, TurnState
from conversations.worker.said import HISTORY_TURNS, history, unanswered
from live.messages import text_content


def picture_of(*said: tuple[Speaker, str]) -> p.Picture:
    return p.Picture(
        turns=[
            p.TurnPicture(
                turn=f"1.{number}",
                speaker=speaker,
                state=TurnState.FINAL,
                text=text,
                saved=True,
                ms=number,
            )
            for number, (speaker, text) in enumerate(said)
        ]
    )


def test_it_hears_both_sides_and_nobody_else() -> None:
    picture = picture_of(
        (Speaker.USER, "Hello"), (Speaker.SYSTEM, "not for the model"), (Speaker.AGENT, "Good day")
    )
    assert history(picture) == [text_content("user", "Hello"), text_content("model", "Good day")]
    assert unanswered(picture) == []


def test_the_last_questions_are_unanswered() -> None:
    picture = picture_of(
        (Speaker.AGENT, "Yes?"), (Speaker.USER, "Do you"), (Speaker.AGENT, ""), (Speaker.USER, "?")
    )
    assert unanswered(picture) == ["Do you", "?"]


def test_it_is_bounded() -> None:
    picture = picture_of(*[(Speaker.AGENT, str(number)) for number in range(HISTORY_TURNS + 5)])
    assert len(history(picture)) == HISTORY_TURNS
    assert history(picture)[-1] == text_content("model", str(HISTORY_TURNS + 4))
