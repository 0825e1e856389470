from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.events import (
    Audio,
    Event,
    GenerationComplete,
    InputTranscript,
    InterimInputTranscript,
    Interrupted,
    OutputTranscript,
    Text,
    Thought,
    TurnComplete,
    VoiceActivity,
    events_of,
)
from live.transcript import Speaker, Stage, Transcript, Utterance
from live.wire import decode
from tests.live.samples import on_the_wire, scene

Line = tuple[int, str, str, str]

BEGINS = VoiceActivity(True)
ENDS = VoiceActivity(False)
PLAYED = (GenerationComplete(), TurnComplete())


def heard(*pieces: str) -> list[Event]:
    return [InputTranscript(piece) for piece in pieces]


def said(*pieces: str) -> list[Event]:
    return [OutputTranscript(piece) for piece in pieces]


def line(utterance: Utterance) -> Line:
    return (
        utterance.exchange,
        utterance.speaker.value,
        utterance.text,
        utterance.stage.value,
    )


def lines(events: Iterable[Event | str]) -> list[Line]:
    """What a reader of the transcript sees at the end; a `str` is typed by the user."""
    transcript = Transcript()
    page: dict[tuple[int, bool], Utterance] = {}
    for event in events:
        changed = transcript.typed(event) if isinstance(event, str) else transcript.add(event)
        for utterance in changed:
            page[utterance.exchange, utterance.speaker is Speaker.MODEL] = utterance
    return [line(page[place]) for place in sorted(page)]


def test_a_turn_in_pieces() -> None:
    assert lines([*heard("Hi, ", "you."), *said("Hello", "!"), *PLAYED]) == [
        (1, "user", "Hi, you.", "final"),
        (1, "model", "Hello!", "final"),
    ]


def test_each_piece_shows_at_once_as_partial() -> None:
    transcript = Transcript()
    assert [line(u) for u in transcript.add(InputTranscript("Hi"))] == [
        (1, "user", "Hi", "partial")
    ]
    assert [line(u) for u in transcript.add(OutputTranscript("Oh"))] == [
        (1, "model", "Oh", "partial")
    ]
    assert transcript.add(Audio(b"", 24_000)) == []
    assert transcript.add(Thought("Hm.")) == []
    assert [line(u) for u in transcript.add(TurnComplete())] == [
        (1, "user", "Hi", "final"),
        (1, "model", "Oh", "final"),
    ]


def test_the_user_s_words_may_come_during_the_answer_and_stand_before_it() -> None:
    assert lines(
        [BEGINS, ENDS, *said("It is "), *heard("What ", "time?"), *said("noon."), *PLAYED]
    ) == [
        (1, "user", "What time?", "final"),
        (1, "model", "It is noon.", "final"),
    ]


def test_the_user_s_words_may_never_come() -> None:
    events = [*said("One."), *PLAYED, *said("Two."), *PLAYED]
    assert lines(events) == [(1, "model", "One.", "final"), (2, "model", "Two.", "final")]


@pytest.mark.parametrize("before", [(), (GenerationComplete(),), (BEGINS,)])
def test_an_answer_that_is_cut_and_the_words_that_cut_it(before: tuple[Event, ...]) -> None:
    events = [
        *heard("Book it."),
        *said("I am booking"),
        *before,
        Interrupted(),
        *said(" the"),  # trails behind
        TurnComplete(),
        *heard("Stop."),
        *said("Stopped."),
        *PLAYED,
    ]
    assert lines(events) == [
        (1, "user", "Book it.", "final"),
        (1, "model", "I am booking the", "interrupted"),
        (2, "user", "Stop.", "final"),
        (2, "model", "Stopped.", "final"),
    ]


def test_a_new_answer_after_a_cut_needs_no_turn_complete_in_between() -> None:
    events = [*said("One"), Interrupted(), *heard("Wait."), *said("Yes?"), TurnComplete()]
    assert lines(events) == [
        (1, "model", "One", "interrupted"),
        (2, "user", "Wait.", "final"),
        (2, "model", "Yes?", "final"),
    ]


def test_speech_over_an_answer_that_goes_on_belongs_to_the_next() -> None:
    events = [
        *heard("Tell me."),
        *said("Once "),
        BEGINS,
        *heard("Aha."),
        *said("upon a time."),
        TurnComplete(),
        *heard(" Go on."),
        *said("There"),
    ]
    assert lines(events) == [
        (1, "user", "Tell me.", "final"),
        (1, "model", "Once upon a time.", "final"),
        (2, "user", "Aha. Go on.", "partial"),
        (2, "model", "There", "partial"),
    ]


def test_a_pause_in_speech_is_no_new_utterance() -> None:
    events = [BEGINS, *heard("Well"), ENDS, BEGINS, *heard(", yes."), ENDS, *said("Good.")]
    assert lines(events)[0] == (1, "user", "Well, yes.", "partial")


def test_finished_ends_an_utterance_also_alone() -> None:
    events = [InputTranscript("Hi", finished=True), *heard("And"), InputTranscript("", True)]
    assert lines(events) == [(1, "user", "Hi", "final"), (2, "user", "And", "final")]


def test_interim_words_show_and_are_replaced() -> None:
    transcript = Transcript()
    for text in ("testing", "testing the voice"):
        (shown,) = transcript.add(InterimInputTranscript(text))
        assert line(shown) == (1, "user", text, "partial")
    (shown,) = transcript.add(InputTranscript("Testing the voice."))
    assert line(shown) == (1, "user", "Testing the voice.", "partial")


def test_what_is_typed_is_whole_at_once() -> None:
    assert lines(["Hi.", Text("Yes"), Text("?"), TurnComplete(), "Bye."]) == [
        (1, "user", "Hi.", "final"),
        (1, "model", "Yes?", "final"),
        (2, "user", "Bye.", "final"),
    ]


def test_what_is_typed_over_an_answer_belongs_to_the_next() -> None:
    events: list[Event | str] = [
        *said("One "),
        "Stop.",
        Interrupted(),
        TurnComplete(),
        *said("Fine."),
        TurnComplete(),
    ]
    assert lines(events) == [
        (1, "model", "One ", "interrupted"),
        (2, "user", "Stop.", "final"),
        (2, "model", "Fine.", "final"),
    ]


def test_silence_ends_the_user_s_words() -> None:
    assert lines([*heard("Hm."), TurnComplete()]) == [(1, "user", "Hm.", "final")]


def test_the_end_of_a_session_ends_all() -> None:
    transcript = Transcript()
    for event in (*heard("Hi"), *said("Hel")):
        transcript.add(event)
    assert [line(utterance) for utterance in transcript.end()] == [
        (1, "user", "Hi", "final"),
        (1, "model", "Hel", "interrupted"),
    ]
    assert transcript.end() == []


def test_recorded_scenes() -> None:
    def of(name: str) -> list[Line]:
        messages = [message for direction, message in scene(name) if direction == "server"]
        return lines(e for m in messages for e in events_of(decode(on_the_wire(m)), 0.0))

    assert of("audio_turn_38") == [
        (1, "user", "Hi, can you hear me?", "final"),
        (1, "model", "Yes, I can hear you clearly. How can I help you today?", "final"),
    ]
    assert of("interrupted_turn_38") == [
        (1, "model", "I am booking the 3 ", "interrupted"),
        (2, "user", "Actually, stop. Don't book it.", "final"),
    ]


def test_no_word_shows_in_a_repr() -> None:
    assert "secret" not in repr(Utterance(1, Speaker.USER, "secret"))


pieces = st.one_of(
    st.text("abc", max_size=2).map(InputTranscript),
    st.text("abc", max_size=2).map(lambda text: InputTranscript(text, True)),
    st.text("xyz", max_size=2).map(OutputTranscript),
    st.text("abc", min_size=1, max_size=2),
    st.sampled_from([BEGINS, ENDS, Interrupted(), *PLAYED]),
)


@given(st.lists(pieces))
def test_no_word_is_lost_or_changes_sides_and_what_is_final_stays(
    events: list[Event | str],
) -> None:
    transcript, page, exchange = Transcript(), dict[tuple[int, Speaker], Utterance](), 0
    for event in events:
        changed = transcript.typed(event) if isinstance(event, str) else transcript.add(event)
        for new in changed:
            old = page.get((new.exchange, new.speaker))
            assert old is None or old.stage is not Stage.FINAL
            assert old is None or new.text.startswith(old.text)
            assert new.exchange <= exchange + 1
            exchange = max(exchange, new.exchange)
            page[new.exchange, new.speaker] = new
    for speaker, kind in ((Speaker.USER, InputTranscript), (Speaker.MODEL, OutputTranscript)):
        told = "".join(
            event if isinstance(event, str) else event.text
            for event in events
            if isinstance(event, kind) or (isinstance(event, str) and speaker is Speaker.USER)
        )
        shown = "".join(
            page[place].text for place in sorted(page, key=lambda p: p[0]) if place[1] is speaker
        )
        assert shown == told
