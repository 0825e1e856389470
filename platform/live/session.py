"""A Live session without I/O: bytes in, events and bytes out, the time passed in.

How a session lives
-------------------
A session is what the model remembers; a connection is one WebSocket, and lives for about ten
minutes. A session outlives its connections by a resumption handle. `Session` follows one session
through one connection after another.

Everything about transitions stands in one table, `TRANSITIONS`. A pair that is not there is a
fault: ours when it was our call (`ProtocolMisuse`), theirs when it was their message
(`ProtocolError`). So no branch is forgotten, and there are no flags beside the state.

* `connecting`: there is no socket yet. When it is open, the setup goes out, exactly once, and
  nothing else: a second setup or anything before it ends the connection with 1007.
* `setup_sent`: waiting for `setupComplete`. Other messages may come before it and are handed on.
  A deadline runs, because a server that is unwell accepts the socket and then says nothing.
* `ready`: traffic both ways. The service reports no error but by closing, so a message always
  leaves the state as it is.
* `rotating`: `goAway` came. Traffic goes on as before, but the connection has a deadline of its
  own, which does not depend on another message coming in: services have been seen to fall silent
  after `goAway`. Whoever stays too long is closed with 1008. The owner opens the next connection,
  either with a new `Session` and the handle, or by telling this one that the next socket is open.
* `closed`: for good, by us, by them, or by a deadline.

Which handle to keep: a handle names the session, not a moment in it, so the newest one is right,
also while the session says that it is not resumable just now (it is not while it generates or
waits for a tool); `handle` keeps it and `resumable` tells.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from live.endpoint import Endpoint
from live.errors import (
    Diagnosis,
    LiveError,
    NetworkError,
    ProtocolError,
    ProtocolMisuse,
    ProviderError,
    error_from_close,
)
from live.events import (
    Event,
    GoAway,
    Ready,
    ResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    Unknown,
    events_of,
    is_shown,
)
from live.messages import (
    ClientContent,
    ClientMessage,
    Content,
    FunctionResponse,
    RealtimeInput,
    ToolResponse,
)
from live.setup import SessionConfig, setup_message
from live.wire import encode, encode_audio, read


class State(enum.Enum):
    """Where a session stands."""

    CONNECTING = "connecting"
    SETUP_SENT = "setup_sent"
    READY = "ready"
    ROTATING = "rotating"
    CLOSED = "closed"


class Input(enum.Enum):
    """What can happen to a session."""

    OPENED = "opened"
    SETUP_COMPLETE = "setup_complete"
    MESSAGE = "message"
    GO_AWAY = "go_away"
    SEND = "send"
    DEADLINE = "deadline"
    CLOSE = "close"
    LOST = "lost"


TRANSITIONS: Mapping[tuple[State, Input], State] = MappingProxyType(
    {
        (State.CONNECTING, Input.OPENED): State.SETUP_SENT,
        (State.CONNECTING, Input.DEADLINE): State.CLOSED,
        (State.CONNECTING, Input.CLOSE): State.CLOSED,
        (State.CONNECTING, Input.LOST): State.CLOSED,
        (State.SETUP_SENT, Input.SETUP_COMPLETE): State.READY,
        (State.SETUP_SENT, Input.MESSAGE): State.SETUP_SENT,
        (State.SETUP_SENT, Input.DEADLINE): State.CLOSED,
        (State.SETUP_SENT, Input.CLOSE): State.CLOSED,
        (State.SETUP_SENT, Input.LOST): State.CLOSED,
        (State.READY, Input.MESSAGE): State.READY,
        (State.READY, Input.GO_AWAY): State.ROTATING,
        (State.READY, Input.SEND): State.READY,
        (State.READY, Input.CLOSE): State.CLOSED,
        (State.READY, Input.LOST): State.CLOSED,
        (State.ROTATING, Input.OPENED): State.SETUP_SENT,
        (State.ROTATING, Input.MESSAGE): State.ROTATING,
        (State.ROTATING, Input.GO_AWAY): State.ROTATING,
        (State.ROTATING, Input.SEND): State.ROTATING,
        (State.ROTATING, Input.DEADLINE): State.CLOSED,
        (State.ROTATING, Input.CLOSE): State.CLOSED,
        (State.ROTATING, Input.LOST): State.CLOSED,
        # The other end may close while we do, and closing twice is no fault.
        (State.CLOSED, Input.CLOSE): State.CLOSED,
        (State.CLOSED, Input.LOST): State.CLOSED,
    }
)

_FROM_THE_SERVICE = frozenset({Input.SETUP_COMPLETE, Input.MESSAGE, Input.GO_AWAY})

_OUT_OF_ORDER = Diagnosis(
    "message_out_of_order",
    "The service sent a message that has no place at this point.",
    "Resume the session.",
    permanent=False,
    retry_after=1.0,
)
_NOT_OPEN = Diagnosis(
    "session_not_open",
    "The session is not open.",
    "Send between the end of the setup and the close.",
)
_SETUP_TIMEOUT = Diagnosis(
    "setup_timeout",
    "The service did not accept the session in time.",
    "Try again; if it goes on, check the network between this server and the service.",
    permanent=False,
    retry_after=1.0,
)
_TIME_UP = Diagnosis(
    "go_away_overstayed",
    "The connection's time is up.",
    "Resume the session.",
    permanent=False,
    retry_after=1.0,
)


class Session:
    """One Live session.

    `deadline` is the moment, on the clock of the `now` that is passed in, at which `tick` has to
    be called; `None` while there is none. `open_calls` holds the ids of the tool calls that are
    neither answered nor cancelled. Not safe for use by several threads.
    """

    def __init__(
        self,
        config: SessionConfig,
        endpoint: Endpoint,
        *,
        now: float,
        handle: str = "",
        setup_timeout: float = 10.0,
    ) -> None:
        """`handle` resumes a session. The set-up time-out, in seconds, starts at `now`.

        Raises `CallerError` when the model's name is none.
        """
        endpoint.model_name(config.model)  # refused before anything is opened
        self._config = config
        self._endpoint = endpoint
        self._setup_timeout = setup_timeout
        self._state = State.CONNECTING
        self.handle = handle
        self.resumable = bool(handle)
        self.deadline: float | None = now + setup_timeout
        self.open_calls: set[str] = set()

    @property
    def state(self) -> State:
        return self._state

    # -- The connection --------------------------------------------------------------------

    def opened(self, now: float) -> bytes:
        """A socket is open: the setup message to send on it, with the newest handle."""
        setup = encode(setup_message(self._config, self._endpoint, self.handle))
        rotated = self._state is State.ROTATING
        self._step(Input.OPENED)
        if rotated:
            self.deadline = now + self._setup_timeout
        return setup

    def receive(self, data: bytes | str, now: float) -> list[Event]:
        """The events of one message; most often one, sometimes none.

        A message that holds more than its events show gives an `Unknown` as well.

        Raises `ProtocolError` for a message that cannot be read or has no place here. The session
        is not to be continued then.
        """
        message, whole = read(data)
        events = events_of(message, now)
        if message.setup_complete is None and message.go_away is None:
            self._step(Input.MESSAGE)
        for event in events:
            self._note(event)
        if not whole or not is_shown(message):
            events.append(Unknown(data.encode() if isinstance(data, str) else data))
        return events

    def tick(self, now: float) -> LiveError | None:
        """Tell the time. At the deadline the session is closed; the error says of what.

        The caller closes the socket then.
        """
        if self.deadline is None or now < self.deadline:
            return None
        rotating = self._state is State.ROTATING
        self._step(Input.DEADLINE)
        return ProviderError(_TIME_UP) if rotating else NetworkError(_SETUP_TIMEOUT)

    def lost(self, code: int, reason: str) -> LiveError:
        """The other end closed, or the connection broke (code 1006)."""
        self._step(Input.LOST)
        return error_from_close(code, reason)

    def close(self) -> None:
        """We close. The socket must get a close frame, or the session cannot be resumed soon."""
        self._step(Input.CLOSE)

    # -- Messages to the service: each method returns what to send, or raises ProtocolMisuse ---

    def audio(self, pcm: bytes, rate: int) -> bytes:
        """A piece of the user's sound: PCM16 little-endian mono at `rate` Hz."""
        self._step(Input.SEND)
        return encode_audio(pcm, rate)

    def audio_end(self) -> bytes:
        """The microphone pauses; the next audio opens the stream again."""
        return self._send(ClientMessage(realtime_input=RealtimeInput(audio_stream_end=True)))

    def text(self, text: str) -> bytes:
        """Something the user typed; the model answers at once."""
        return self._send(ClientMessage(realtime_input=RealtimeInput(text=text)))

    def content(self, turns: Sequence[Content], turn_complete: bool) -> bytes:
        """Turns for the history. The model answers only when `turn_complete`."""
        content = ClientContent(turns=list(turns), turn_complete=turn_complete)
        return self._send(ClientMessage(client_content=content))

    def tool_responses(self, responses: Sequence[FunctionResponse]) -> bytes:
        """Answers to tool calls, also to those of a connection before this one."""
        answer = ToolResponse(function_responses=list(responses))
        message = self._send(ClientMessage(tool_response=answer))
        self.open_calls -= {answer.id for answer in responses if not answer.will_continue}
        return message

    # -- Inside ------------------------------------------------------------------------------

    def _send(self, message: ClientMessage) -> bytes:
        self._step(Input.SEND)
        return encode(message)

    def _step(self, what: Input) -> None:
        state = TRANSITIONS.get((self._state, what))
        if state is None:
            theirs = what in _FROM_THE_SERVICE
            raise ProtocolError(_OUT_OF_ORDER) if theirs else ProtocolMisuse(_NOT_OPEN)
        self._state = state
        if state is State.CLOSED:
            self.deadline = None

    def _note(self, event: Event) -> None:
        match event:
            case Ready():
                self._step(Input.SETUP_COMPLETE)
                self.deadline = None
            case GoAway():
                self._step(Input.GO_AWAY)
                self.deadline = event.deadline
            case ResumptionUpdate():
                self.handle = event.handle or self.handle
                self.resumable = event.resumable
            case ToolCall():
                self.open_calls |= {call.id for call in event.calls}
            case ToolCallCancellation():
                self.open_calls -= set(event.ids)
