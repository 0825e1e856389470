"""Saying things in a running conversation without a socket: when something counts as taken."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import protocol as p
from conversations.api.reaching import ConversationRefused
from conversations.api.saying import BadMessage, Ear, Said, read
from conversations.states import CallState, EndReason, Speaker, TurnState

TEXT = p.SendText(id="a", text="Hello")
TAKE = p.ToolTake(call="c", by="me")
RESULT = p.ToolResult(call="c", result={"pairs": 2})


def ear(message: Said, picture: p.Picture | None = None) -> Ear:
    """One that has had its snapshot."""
    listening = Ear(message)
    snapshot = p.Snapshot(epoch=1, seq=3, state=picture or p.Picture())
    listening.hear(p.encode(snapshot))
    return listening


def event(kind: type[Any], **fields: Any) -> bytes:
    return p.encode(kind(epoch=1, seq=4, ms=5, **fields))


def test_a_text_counts_when_it_is_saved() -> None:
    hearing = ear(TEXT)
    turn = {"turn": "1.4", "speaker": Speaker.USER, "ref": "a"}
    hearing.hear(event(p.TurnStarted, **turn))
    hearing.hear(event(p.TurnText, turn="1.4", text="Hello"))
    hearing.hear(event(p.TurnEnded, turn="1.4", state=TurnState.FINAL))
    hearing.hear(p.audio_frame(1, 1, b"\0\0"))
    before = hearing.is_settled
    hearing.hear(event(p.TurnSaved, turn="1.4"))
    assert (before, hearing.is_settled) == (False, True)


def with_call(state: CallState, by: str | None = None) -> p.Picture:
    return p.Picture(tools=[p.ToolPicture(call="c", name="look_up", state=state, ms=1, by=by)])


@pytest.mark.parametrize(
    ("message", "state", "by", "is_settled"),
    [
        (TAKE, CallState.REQUESTED, None, False),
        (TAKE, CallState.RUNNING, "me", True),
        (TAKE, CallState.RUNNING, "another", False),
        (RESULT, CallState.RUNNING, "me", False),
        (RESULT, CallState.SUCCEEDED, None, True),
        (p.ToolTake(call="other", by="me"), CallState.RUNNING, "me", False),
    ],
)
def test_a_call_counts_when_it_is_noted(
    message: Said, state: CallState, by: str | None, is_settled: bool
) -> None:
    assert ear(message, with_call(state, by)).is_settled is is_settled


def test_what_has_no_answer_counts_when_it_holds() -> None:
    assert ear(p.Stay()).is_settled
    recorded = ear(p.StopRecording(), p.Picture(recording=True))
    before = recorded.is_settled
    recorded.hear(event(p.Recording, on=False))
    assert (before, recorded.is_settled) == (False, True)
    assert ear(p.End(), p.Picture(ended=EndReason.USER_LEFT)).is_settled


@pytest.mark.parametrize(
    ("frame", "status", "code"),
    [
        (p.encode(p.Error(code="too-many-texts", message="m", fix="f")), 429, "too-many-texts"),
        (p.encode(p.Error(code="call-taken", message="m", fix="f")), 409, "call-taken"),
        (p.encode(p.Presence(role="observer", owned=True)), 409, "read-only"),
        (event(p.Ended, reason=EndReason.IDLE_LIMIT), 409, "conversation-ended"),
    ],
)
def test_what_is_not_taken_is_refused(frame: bytes, status: int, code: str) -> None:
    with pytest.raises(ConversationRefused) as refused:
        ear(TEXT).hear(frame)
    assert (refused.value.status_code, refused.value.detail.code) == (status, code)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"type": "ack", "frames": 1},
        {"type": "text"},
        {"type": "text", "id": "a b", "text": "x"},
    ],
)
def test_what_is_no_message_is_refused_and_says_why(body: object) -> None:
    with pytest.raises(BadMessage, match="one client message"):
        read(body)


def test_each_message_is_read() -> None:
    assert read({"type": "text", "id": "a", "text": "Hello"}) == TEXT
    assert read({"type": "tool-take", "call": "c", "by": "me"}) == TAKE
    assert read({"type": "end"}) == p.End()
