"""What a session that begins anew is told."""

from __future__ import annotations

from conversations import protocol as p
from conversations.states import CallState, Speaker, TurnState
from conversations.tools.ledger import LeftCall
from conversations.tools.outcomes import Outcome
from conversations.worker.said import HISTORY_TURNS, history, reminder, unanswered
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


def with_call(picture: p.Picture, ms: int) -> p.Picture:
    picture.tools.append(p.ToolPicture(call="c", name="book", state=CallState.RUNNING, ms=ms))
    return picture


BOOKED = LeftCall("c", "book", Outcome({"booked": 9}, CallState.SUCCEEDED, ""))


def test_what_a_function_was_called_for_is_not_put_again() -> None:
    picture = picture_of((Speaker.AGENT, "Yes?"), (Speaker.USER, "Book it"), (Speaker.USER, "And?"))
    assert unanswered(with_call(picture, ms=1)) == ["And?"]
    said = reminder(picture, [BOOKED, LeftCall("d", "pay")])
    assert "Book it" in said
    assert "And?" not in said
    assert '- book: {"booked": 9}' in said
    assert "- pay: " in said
    assert "outcome_unknown" in said


def test_there_is_nothing_to_remind_of_what_was_answered() -> None:
    answered = picture_of((Speaker.USER, "Book it"), (Speaker.AGENT, "Done"))
    assert reminder(with_call(answered, ms=0), [BOOKED]) == ""
    assert reminder(picture_of((Speaker.USER, "Book it")), []) == ""
