import pytest

from live.errors import NetworkError
from live.events import InputTranscript, ToolCall, VoiceActivity
from live.session import Step, Turn
from live.session.question import HELD_CHARS, Question


def heard(question: Question, *texts: str, turn: Turn = Turn.IDLE) -> None:
    question.hear(VoiceActivity(active=True), turn)
    for text in texts:
        question.hear(InputTranscript(text), turn)
    question.hear(VoiceActivity(active=False), turn)


def test_what_was_sent_is_unanswered_until_the_answer_begins() -> None:
    question = Question()
    question.sent("Hello")
    assert question.all() == ["Hello"]
    question.step(Turn.IDLE, Step.OUTPUT)
    assert not question.is_open


def test_silence_is_an_answer_too() -> None:
    question = Question()
    question.sent("Hm.")
    question.step(Turn.IDLE, Step.TURN_COMPLETE)
    assert not question.is_open


def test_a_call_takes_a_question_up() -> None:
    question = Question()
    question.sent("How is the weather?")
    question.hear(ToolCall(()), Turn.IDLE)
    assert not question.is_open


def test_the_rest_of_an_answer_answers_no_later_question() -> None:
    question = Question()
    question.sent("Stop!")
    for turn, step in (
        (Turn.GENERATING, Step.OUTPUT),
        (Turn.PLAYING, Step.INTERRUPTED),
        (Turn.CUT, Step.TURN_COMPLETE),
    ):
        question.step(turn, step)
    assert question.all() == ["Stop!"]
    question.step(Turn.IDLE, Step.OUTPUT)
    assert question.all() == []


def test_what_was_spoken_is_a_question_too() -> None:
    question = Question()
    question.hear(VoiceActivity(active=True), Turn.IDLE)
    assert (question.speaking, question.is_open) == (True, True)
    heard(question, "How ", "much?")
    assert (question.speaking, question.is_open) == (False, True)
    assert question.all() == ["How much?"]


@pytest.mark.parametrize("turn", [Turn.GENERATING, Turn.PLAYING])
def test_late_words_are_no_question(turn: Turn) -> None:
    question = Question()
    heard(question, turn=turn)
    question.hear(InputTranscript("late"), turn)
    assert question.all() == []


def test_words_without_a_voice_before_them_are_late() -> None:
    question = Question()
    question.hear(InputTranscript("late"), Turn.IDLE)
    assert not question.is_open


def test_a_new_connection_gets_everything_once_and_in_order() -> None:
    question = Question(("from before",))
    question.sent("typed")
    heard(question, "spoken")
    question.hold("held")
    assert question.take() == ["typed", "spoken", "from before", "held"]
    assert question.take() == ["typed", "spoken", "from before", "held"], "it may be lost again"
    question.step(Turn.IDLE, Step.OUTPUT)
    assert question.take() == []


def test_what_is_held_has_a_bound_and_what_is_remembered_too() -> None:
    question = Question()
    question.hold("x" * HELD_CHARS)
    with pytest.raises(NetworkError) as caught:
        question.hold("y")
    assert caught.value.code == "too_much_held"
    for letter in "abc":
        question.sent(letter * (HELD_CHARS // 2))
    assert [text[0] for text in question.all()] == ["b", "c", "x"]
