from conversations.chat.screen import Screen
from conversations.chat.talk import Note
from live import (
    GO_AWAY,
    Connected,
    Disconnected,
    Event,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    TurnComplete,
)


def shown(*events: Event, typing: bool = False) -> str:
    pieces: list[str] = []
    screen = Screen(pieces.append, "gemini", typing=typing)
    for event in events:
        screen.show(event)
    screen.end_line()
    return "".join(pieces)


def test_words_are_shown_as_they_come_in_a_line_for_each_side() -> None:
    assert (
        shown(
            InputTranscript("Good"),
            InputTranscript(" day"),
            OutputTranscript(" Hel"),
            OutputTranscript("lo."),
            TurnComplete(),
            OutputTranscript("More."),
        )
        == "you: Good day\ngemini: Hello.\ngemini: More.\n"
    )


def test_what_nobody_said_stands_in_brackets() -> None:
    assert shown(OutputTranscript("One,"), Interrupted()) == "gemini: One, [interrupted]\n"
    assert shown(Disconnected(GO_AWAY)) == "[the connection changes]\n"
    assert shown(Disconnected("connection_lost")) == "[the connection was lost; trying again]\n"
    assert shown(Connected()) == ""
    assert "told what had been said" in shown(Connected(renewed=True))
    assert shown(Note("waiting")) == "[waiting]\n"


def test_words_cannot_steer_the_terminal() -> None:
    assert shown(OutputTranscript("a\x1b[2Jb\x9bc\nd")) == "gemini: a [2Jb c d\n"


def test_empty_pieces_begin_no_line() -> None:
    assert shown(OutputTranscript(""), InputTranscript("", finished=True), TurnComplete()) == ""


def test_a_terminal_is_asked_for_more_and_shows_what_is_typed_itself() -> None:
    pieces: list[str] = []
    screen = Screen(pieces.append, "gemini", typing=True)
    screen.prompt()
    screen.typed("Hello")
    screen.show(OutputTranscript("Hi."))
    screen.show(TurnComplete())
    assert "".join(pieces) == "you: gemini: Hi.\nyou: "


def test_a_pipe_shows_what_was_given() -> None:
    pieces: list[str] = []
    Screen(pieces.append, "gemini").typed("Hello")
    assert "".join(pieces) == "you: Hello\n"
