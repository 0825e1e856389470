"""The numbered events of `parley.v1`: what happens in a conversation, in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from accounts.limits import LimitKind
from conversations.states import (
    AgentState,
    CallState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)


class EventBase(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    """`ms`: milliseconds since the conversation began."""

    type: Literal["event"] = "event"
    epoch: int
    seq: int
    ms: int


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one turn took, as the service counts: the prompt holds the whole context again. The
    details are by modality (TEXT, AUDIO, IMAGE, VIDEO)."""

    prompt: int = 0
    response: int = 0
    total: int = 0
    cached: int = 0
    tool_use: int = 0
    thoughts: int = 0
    prompt_details: Mapping[str, int] = {}
    response_details: Mapping[str, int] = {}


class Progress(EventBase, frozen=True, tag="progress", omit_defaults=False):
    """How far the model is: its answer is `generated` and may still be playing, or its turn is
    `complete`, playback included, also where it said nothing. `reason`: why, in the service's
    word, where that was not the usual end."""

    stage: Literal["generated", "complete"]
    reason: str = ""
    tokens: Tokens | None = None


class StateChanged(EventBase, frozen=True, tag="state"):
    state: ConversationState


class AgentChanged(EventBase, frozen=True, tag="agent"):
    state: AgentState


class TurnStarted(EventBase, frozen=True, tag="turn-started"):
    """`turn` is `"<epoch>.<seq>"` of this event and names the turn for good."""

    turn: str
    speaker: Speaker
    ref: str | None = None


class TurnText(EventBase, frozen=True, tag="turn-text"):
    """More words of the turn, to be appended."""

    turn: str
    text: str


class TurnEnded(EventBase, frozen=True, tag="turn-ended"):
    turn: str
    state: TurnState


class TurnSaved(EventBase, frozen=True, tag="turn-saved"):
    """The finished turn is committed: it survives the death of any process."""

    turn: str


class AudioStarted(EventBase, frozen=True, tag="audio"):
    """Binary frames of `stream` carry the voice of `turn`."""

    stream: int
    turn: str


class Interrupted(EventBase, frozen=True, tag="interrupted"):
    """Drop at once whatever of `stream` is queued for playback."""

    stream: int


class Notice(EventBase, frozen=True, tag="notice"):
    """A line on the timeline, such as a session that had to begin anew."""

    code: str
    text: str


class Recording(EventBase, frozen=True, tag="recording"):
    """Whether what is heard is being kept."""

    on: bool


class LimitWarning(EventBase, frozen=True, tag="warning"):
    """A limit is near: it ends the conversation in `left_ms`, or `percent` of it are used. With
    neither, an earlier warning of the same `what` does not hold any more."""

    what: LimitKind
    left_ms: int | None = None
    percent: int | None = None


class Ended(EventBase, frozen=True, tag="ended"):
    """The last event."""

    reason: EndReason


class ToolChanged(EventBase, frozen=True, tag="tool"):
    """A call of the model's, by the id that the model gave it. `args` and `left_ms` are there
    while a page has to answer it: what the function is given, and how long there is time. `by` is
    who has taken it. `summary`: how it ended, in a line for people."""

    call: str
    name: str
    state: CallState
    args: Mapping[str, Any] | None = None
    left_ms: int | None = None
    by: str | None = None
    summary: str | None = None


Event = (
    StateChanged
    | AgentChanged
    | TurnStarted
    | TurnText
    | TurnEnded
    | TurnSaved
    | AudioStarted
    | Interrupted
    | Notice
    | Recording
    | Progress
    | ToolChanged
    | LimitWarning
    | Ended
)
