"""`parley.v1`: every message between a page and Parley, and how a page's picture is folded.

This module is the one truth. The reference in `docs/reference/socket-protocol.md`, the
page's JavaScript and the tests are held against it. The same frames travel on the link
between web process and worker, so nothing is encoded twice.

A text frame is a JSON object with a `type`. Binary frames carry sound and pictures; see `frames`.

Numbered events (`type` = `event`) are contiguous in `seq` within an epoch. An epoch is one
worker's time as host of the conversation; another epoch always begins with a snapshot.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from accounts.limits import LimitKind
from conversations import frames, streams
from conversations.states import (
    AgentState,
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
Ref = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,64}$")]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0)]

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


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Heartbeat; answered by `pong`."""


FirstMessage = Start | Resume
ClientMessage = SendText | AudioEnd | Ack | End | Stay | StopRecording | Ping

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


class EventBase(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    """`ms`: milliseconds since the conversation began."""

    type: Literal["event"] = "event"
    epoch: int
    seq: int
    ms: int


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
    | LimitWarning
    | Ended
)


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


class Picture(msgspec.Struct, kw_only=True):
    """What a page shows. `earlier`: older turns exist that are left out here."""

    state: ConversationState = ConversationState.WAITING
    agent: AgentState = AgentState.WAITING
    turns: list[TurnPicture] = []
    earlier: bool = False
    warnings: list[WarningPicture] = []
    recording: bool = False
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
            case Ended():
                self.state = ConversationState.ENDED
                self.ended = event.reason
                self.warnings = []
            case AudioStarted() | Interrupted() | Notice():
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

    def trim(self, max_bytes: int) -> None:
        """Leave out the oldest turns until the words take at most `max_bytes` (UTF-8)."""
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
