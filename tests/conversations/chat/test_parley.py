"""The reading of Parley's events; the whole talk is in the command's tests."""

from typing import Any

import pytest

from conversations import protocol as p
from conversations.chat.parley import Reading, open_talk, socket_address
from conversations.chat.talk import ChatError, Note
from conversations.states import EndReason, Speaker, TurnState
from live import Event, InputTranscript, Interrupted, OutputTranscript, TurnComplete

AT: dict[str, Any] = {"epoch": 1, "seq": 1, "ms": 0}


def read(*events: p.Event) -> list[Event]:
    reading = Reading()
    return [found for event in events for found in reading.events_of(event)]


def test_both_sides_words_and_the_end_of_the_answer() -> None:
    assert read(
        p.TurnStarted(turn="1.1", speaker=Speaker.USER, **AT),
        p.TurnText(turn="1.1", text="Hello", **AT),
        p.TurnEnded(turn="1.1", state=TurnState.FINAL, **AT),
        p.TurnStarted(turn="1.2", speaker=Speaker.AGENT, **AT),
        p.TurnText(turn="1.2", text="Hi", **AT),
        p.TurnEnded(turn="1.2", state=TurnState.FINAL, **AT),
    ) == [InputTranscript("Hello"), OutputTranscript("Hi"), TurnComplete()]


def test_what_was_typed_is_not_said_again() -> None:
    started = p.TurnStarted(turn="1.1", speaker=Speaker.USER, ref="chat-1", **AT)
    assert read(started, p.TurnText(turn="1.1", text="Hello", **AT)) == []


def test_what_happens_beside_the_words() -> None:
    assert read(
        p.Interrupted(stream=1, **AT),
        p.TurnStarted(turn="1.2", speaker=Speaker.AGENT, **AT),
        p.TurnEnded(turn="1.2", state=TurnState.FAILED, **AT),
        p.Notice(code="fresh", text="It began anew.", **AT),
        p.Ended(reason=EndReason.IDLE_LIMIT, **AT),
    ) == [
        Interrupted(),
        Note("the answer failed"),
        TurnComplete(),
        Note("It began anew."),
        Note("the conversation has ended: idle-limit"),
    ]


def test_the_address_of_the_socket() -> None:
    assert socket_address("https://p.example/") == "wss://p.example/ws/conversations/"
    assert socket_address("http://127.0.0.1:8000") == "ws://127.0.0.1:8000/ws/conversations/"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://p.example", "unencrypted"),
        ("http://[", "cannot be read"),
        ("p.example", "no http"),
        ("ws://p.example", "no http"),
    ],
)
def test_addresses_that_would_not_do(url: str, complaint: str) -> None:
    with pytest.raises(ChatError, match=complaint):
        socket_address(url)


async def test_nobody_listens() -> None:
    with pytest.raises(ChatError, match="cannot be reached"):
        await open_talk("http://127.0.0.1:1", "agent", "key")
