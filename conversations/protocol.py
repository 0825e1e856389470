"""`parley.v1`: every message between a page and Parley, and how a page's picture is folded.

This module is the one truth. The reference in `docs/reference/socket-protocol.md`, the
page's JavaScript and the tests are held against it. The same frames travel on the link
between web process and worker, so nothing is encoded twice.

A text frame is a JSON object with a `type`. Binary frames carry sound and pictures; see `frames`.

Numbered events (`type` = `event`) are contiguous in `seq` within an epoch. An epoch is one
worker's time as host of the conversation; another epoch always begins with a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from accounts.limits import LimitKind
from conversations import events, frames, streams
from conversations.states import (
    OPEN_CALLS,
    AgentState,
    CallState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)

SUBPROTOCOL = "parley.v1"

# The binary frames, and what they are bound to.
AUDIO = frames.AUDIO
FRAME_BYTES = frames.FRAME_BYTES
HEADER = frames.HEADER
INPUT_RATE_HZ = frames.INPUT_RATE_HZ
OUTPUT_RATE_HZ = frames.OUTPUT_RATE_HZ
PICTURE = frames.PICTURE
PICTURE_BYTES = frames.PICTURE_BYTES
BadFrame = frames.BadFrame
audio_frame = frames.audio_frame
check_audio_frame = frames.check_audio_frame
check_input_frame = frames.check_input_frame
picture_frame = frames.picture_frame

# Bounds of what a client may send.
TEXT_CHARS = 8_000
# A snapshot has to fit into half a socket's window, or it could never be acknowledged.
SNAPSHOT_BYTES = 96 * 1024
# What a page may answer a tool call with, and what it may be asked.
RESULT_BYTES = 32 * 1024
ARGS_BYTES = 4 * 1024
# Of the calls that are over a picture holds the last ones, and of the open ones all.
TOOLS_SHOWN = 32
# A turn that grows past this is ended and continued in a new one.
TURN_CHARS = 8_000

FIRST_MESSAGE_S = 10.0
HEARTBEAT_MS = 15_000
# So long after a cut a page gets exactly what it missed; later, a snapshot.
RESUME_WINDOW_S = 60


class Close:
    """Close codes of the socket."""

    NORMAL = 1000
    DRAINING = 1001
    TOO_BIG = 1009
    BAD_FIRST_MESSAGE = 4400
    NOT_SIGNED_IN = 4401
    LIMIT_REACHED = 4402
    NOT_ALLOWED = 4403
    NOT_FOUND = 4404
    NO_FIRST_MESSAGE = 4408
    OPENED_ELSEWHERE = 4409
    TOO_MANY = 4429
    OUR_FAULT = 4500


# --- Client to server ----------------------------------------------------------------

Key = Annotated[str, msgspec.Meta(max_length=200)]
REF: Final = r"^[\x21-\x7e]{1,64}$"
Ref = Annotated[str, msgspec.Meta(pattern=REF)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0)]
CallId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

Mode = streams.Mode
Role = Literal["owner", "observer"]


class Start(msgspec.Struct, frozen=True, tag="start"):
    """First message: a new conversation with an agent (its id).

    `page` names the page or program, the same on each of its sockets: a newer one replaces an
    older one that may linger. `wait`: stand in line when every worker is full, instead of
    being refused; people do, programs with a key do not, unless they say otherwise. `draft`:
    try what the agent's editors have not published; only they may. `consent`: the person agreed
    to be recorded, to this version of the text that asks for it.
    """

    agent: Identifier
    key: Key | None = None
    page: Ref | None = None
    wait: bool | None = None
    draft: bool = False
    consent: Ref | None = None


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """First message: go on from the last event received; (0, 0) means nothing is held."""

    conversation: Identifier
    epoch: Count = 0
    seq: Count = 0
    key: Key | None = None
    mode: Mode = "take"
    page: Ref | None = None
    wait: bool | None = None


class SendText(msgspec.Struct, frozen=True, tag="text"):
    """What the user typed. Sending the same `id` again changes nothing."""

    id: Ref
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS)]


class AudioEnd(msgspec.Struct, frozen=True, tag="audio-end"):
    """The microphone was switched off."""


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """`frames`: how many frames this socket has received in all. Acks are the credit."""

    frames: Count


class End(msgspec.Struct, frozen=True, tag="end"):
    """The user ends the conversation."""


class Stay(msgspec.Struct, frozen=True, tag="stay"):
    """The user is still there: the idle time begins anew."""


class StopRecording(msgspec.Struct, frozen=True, tag="stop-recording"):
    """From now on nothing more that is heard is kept, in this conversation for good."""


class ToolTake(msgspec.Struct, frozen=True, tag="tool-take"):
    """The page is about to make this call, and has not begun. It may begin once the call is
    `running` and has its word in `by`: any, which no other page uses."""

    call: CallId
    by: Ref


class ToolResult(msgspec.Struct, frozen=True, tag="tool-result"):
    """How a call ended that this page has taken: with a `result`, of at most RESULT_BYTES as
    JSON, or with an `error`, in words for the model. An `error` needs no taking."""

    call: CallId
    result: dict[str, Any] | None = None
    error: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Heartbeat; answered by `pong`."""


FirstMessage = Start | Resume
ToolMessage = ToolTake | ToolResult
ClientMessage = SendText | AudioEnd | Ack | End | Stay | StopRecording | ToolMessage | Ping

first_decoder: msgspec.json.Decoder[FirstMessage] = msgspec.json.Decoder(FirstMessage)
client_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


# --- Server to client, not numbered ----------------------------------------------------


class AgentCard(msgspec.Struct, frozen=True):
    id: str
    name: str


class Limits(msgspec.Struct, frozen=True):
    frame_bytes: int = FRAME_BYTES
    picture_bytes: int = PICTURE_BYTES
    text_chars: int = TEXT_CHARS
    texts_per_min: int | None = None


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """`mode`: how this socket may come to the conversation; what it became, `presence` tells."""

    conversation: str
    agent: AgentCard
    simulated: bool
    heartbeat_ms: int = HEARTBEAT_MS
    resume_window_s: int = RESUME_WINDOW_S
    limits: Limits = Limits()
    mode: Mode = "take"


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """The events after (epoch, seq) follow."""

    epoch: int
    seq: int


class Presence(msgspec.Struct, frozen=True, tag="presence"):
    """What this socket is now, and whether anybody owns the conversation."""

    role: Role
    owned: bool


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """No worker hosts the conversation yet, or the last one was lost. `place`: in the line of
    those that wait for room, from 1; only with `capacity-full`. `nobody-there`: to an observer,
    the conversation rests until its owner is back."""

    reason: Literal["finding-worker", "worker-lost", "capacity-full", "nobody-there"]
    place: int | None = None


class Gap(msgspec.Struct, frozen=True, tag="gap"):
    """`ms` of somebody's audio were dropped: the agent's of `stream` for this socket, which read
    too slowly, or the `user`'s, which the model's side did not take in time (`stream` is 0)."""

    stream: int
    ms: int
    speaker: Literal["agent", "user"] = "agent"


class Moving(msgspec.Struct, frozen=True, tag="moving"):
    """This server is about to go. Connect again, which leads to another one, and resume: at the
    next pause, at the latest in `within_ms`, when this socket closes with 1001."""

    within_ms: int


class Error(msgspec.Struct, frozen=True, tag="error"):
    """Something the client did or asked for cannot be; `fix` says what to do next.

    `retry_after_s`: after so many seconds the same may be possible; None where time changes
    nothing.
    """

    code: str
    message: str
    fix: str
    fatal: bool = False
    retry_after_s: int | None = None


READ_ONLY = Error(
    code="read-only",
    message="This socket only looks on.",
    fix="To talk here, resume the conversation with mode `take`.",
)


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    pass


# --- Server to client, numbered --------------------------------------------------------

EventBase = events.EventBase
Tokens = events.Tokens
Progress = events.Progress
StateChanged = events.StateChanged
AgentChanged = events.AgentChanged
TurnStarted = events.TurnStarted
TurnText = events.TurnText
TurnEnded = events.TurnEnded
TurnSaved = events.TurnSaved
AudioStarted = events.AudioStarted
Interrupted = events.Interrupted
Notice = events.Notice
Recording = events.Recording
LimitWarning = events.LimitWarning
Ended = events.Ended
ToolChanged = events.ToolChanged
Event = events.Event


# --- Snapshot ---------------------------------------------------------------------------


class TurnPicture(msgspec.Struct, kw_only=True):
    turn: str
    speaker: Speaker
    state: TurnState
    text: str
    saved: bool
    ms: int
    ref: str | None = None


class WarningPicture(msgspec.Struct, kw_only=True):
    """A warning that holds. `end_ms`: when the conversation ends, in ms since it began."""

    what: LimitKind
    end_ms: int | None = None
    percent: int | None = None


class ToolPicture(msgspec.Struct, kw_only=True):
    """A tool call. `ms`: when the model asked; `end_ms`: until when a page may answer. `args` are
    there until a page has taken it, `by` while it makes it; `took_ms` and `summary` afterwards."""

    call: str
    name: str
    state: CallState
    ms: int
    args: Mapping[str, Any] | None = None
    end_ms: int | None = None
    by: str | None = None
    took_ms: int | None = None
    summary: str | None = None


class Picture(msgspec.Struct, kw_only=True):
    """What a page shows. `earlier`: older turns exist that are left out here."""

    state: ConversationState = ConversationState.WAITING
    agent: AgentState = AgentState.WAITING
    turns: list[TurnPicture] = []
    earlier: bool = False
    warnings: list[WarningPicture] = []
    recording: bool = False
    tools: list[ToolPicture] = []
    ended: EndReason | None = None

    def find(self, key: str) -> TurnPicture | None:
        """Turns are few and the wanted one is nearly always among the last."""
        return next((turn for turn in reversed(self.turns) if turn.turn == key), None)

    def fold(self, event: Event) -> None:
        """Apply one event; a snapshot with its later events is a fresh snapshot."""
        match event:
            case StateChanged():
                self.state = event.state
            case AgentChanged():
                self.agent = event.state
            case TurnStarted():
                self.turns.append(
                    TurnPicture(
                        turn=event.turn,
                        speaker=event.speaker,
                        state=TurnState.PARTIAL,
                        text="",
                        saved=False,
                        ms=event.ms,
                        ref=event.ref,
                    )
                )
            case TurnText() | TurnEnded() | TurnSaved():
                self.fold_turn(event)
            case LimitWarning():
                self.fold_warning(event)
            case Recording():
                self.recording = event.on
            case ToolChanged():
                self.fold_tool(event)
            case Ended():
                self.state = ConversationState.ENDED
                self.ended = event.reason
                self.warnings = []
            case AudioStarted() | Interrupted() | Notice() | Progress():
                pass  # they concern the moment, not the picture

    def fold_turn(self, event: TurnText | TurnEnded | TurnSaved) -> None:
        turn = self.find(event.turn)
        if turn is None:
            return  # an older turn that a snapshot left out
        match event:
            case TurnText():
                turn.text += event.text
            case TurnEnded():
                turn.state = event.state
            case TurnSaved():
                turn.saved = True

    def fold_warning(self, event: LimitWarning) -> None:
        others = [each for each in self.warnings if each.what != event.what]
        if event.left_ms is None and event.percent is None:
            self.warnings = others
            return
        end_ms = None if event.left_ms is None else event.ms + event.left_ms
        warning = WarningPicture(what=event.what, end_ms=end_ms, percent=event.percent)
        self.warnings = [*others, warning]

    def fold_tool(self, event: ToolChanged) -> None:
        """A call begins, or goes on where it stands. The oldest that are over are forgotten."""
        tool = next((each for each in self.tools if each.call == event.call), None)
        if tool is None:
            tool = ToolPicture(call=event.call, name=event.name, state=event.state, ms=event.ms)
            self.tools.append(tool)
        tool.state, tool.args, tool.by = event.state, event.args, event.by
        tool.summary = event.summary
        tool.took_ms = None if event.state in OPEN_CALLS else event.ms - tool.ms
        if event.left_ms is not None:
            tool.end_ms = event.ms + event.left_ms
        over = [each for each in self.tools if each.state not in OPEN_CALLS]
        for each in over[: max(0, len(self.tools) - TOOLS_SHOWN)]:
            self.tools.remove(each)

    def trim(self, max_bytes: int) -> None:
        """Leave out the oldest turns until the words take at most `max_bytes` (UTF-8), with what
        pages are asked."""
        asked = sum(len(encode(each.args)) for each in self.tools if each.args is not None)
        max_bytes -= asked + len(self.tools) * TOOL_OVERHEAD_BYTES
        sizes = [len(turn.text.encode()) + TURN_OVERHEAD_BYTES for turn in self.turns]
        total = sum(sizes)
        drop = 0
        while total > max_bytes and drop < len(sizes) - 1:
            total -= sizes[drop]
            drop += 1
        if drop:
            del self.turns[:drop]
            self.earlier = True


TURN_OVERHEAD_BYTES = 160
TOOL_OVERHEAD_BYTES = 512


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot"):
    """`ms`: milliseconds since the conversation began; 0 once nobody hosts it."""

    epoch: int
    seq: int
    state: Picture
    ms: int = 0


ServerMessage = Hello | Resumed | Presence | Snapshot | Waiting | Gap | Moving | Error | Pong

encode = msgspec.json.Encoder().encode
event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


class Position(msgspec.Struct, frozen=True):
    """Just enough of a server message to know where a socket stands."""

    type: str
    epoch: int = 0
    seq: int = 0
    kind: str = ""


position_decoder: msgspec.json.Decoder[Position] = msgspec.json.Decoder(Position)


# --- Between web process and worker ------------------------------------------------------

Attach = streams.Attach
attach_decoder = streams.attach_decoder
Taken = streams.Taken
taken_decoder = streams.taken_decoder
STREAM_NOT_HERE = streams.NOT_HERE
STREAM_MOVED = streams.MOVED
STREAM_ENDED = streams.ENDED
STREAM_TAKEN = streams.TAKEN
STREAM_CROWDED = streams.CROWDED
