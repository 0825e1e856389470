"""A Live session without I/O: bytes in, events and bytes out, the time passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from live.endpoint import Endpoint
from live.errors import (
    Diagnosis,
    LiveError,
    NetworkError,
    ProtocolError,
    ProtocolMisuse,
    ProviderError,
    ResumptionError,
)
from live.events import (
    GO_AWAY,
    Connected,
    Disconnected,
    Event,
    GoAway,
    Ready,
    ResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    Unknown,
    Usage,
    events_of,
    is_shown,
)
from live.messages import (
    ClientContent,
    ClientMessage,
    Content,
    FunctionResponse,
)
from live.outbox import Outbox
from live.session.carried import Carried, text_message
from live.session.comeback import Comeback, Tries
from live.session.outgoing import (
    activity_message,
    audio_end_message,
    context_update_message,
    tool_response_message,
    video_message,
)
from live.session.states import TRANSITIONS, Input, State
from live.session.turn import TURNS, Turn, step_of
from live.setup import SessionConfig, check, setup_message
from live.setup.tools import AnyTool
from live.wire import encode, encode_audio, read

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
SETUP_TIMEOUT = Diagnosis(
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
    """One Live session, over one connection after another.

    `deadline` is the moment, on the clock of the `now` that is passed in, at which `tick` has to
    be called; `None` while there is none. `turn` is where the model's turn stands. `usage` is the
    sum of all that the service told. `outbox` holds what waits for the socket, also while there is
    none. `error` is what ended the session, when it was not us. Not safe for several threads.
    """

    def __init__(  # noqa: PLR0913 - all but the first two are options by name
        self,
        config: SessionConfig,
        endpoint: Endpoint,
        *,
        handle: str = "",
        setup_timeout: float = 10.0,
        comeback: Comeback | None = None,
        history: Callable[[], Sequence[Content]] | None = None,
        unanswered: Sequence[str] = (),
        outbox: Outbox | None = None,
    ) -> None:
        """Without a `comeback` the session ends with its first connection.

        `handle` resumes a session. `setup_timeout`, in seconds, is for each connection.
        `history` gives what was said so far, for a session that has to begin anew; by itself a
        session remembers what was said in it. `unanswered` is what the user asked before.

        Raises, before anything is opened, `CallerError` when the model's name is none, and
        `InvalidRequest` or `ModelError` for options that cannot work.
        """
        endpoint.model_name(config.model)
        check(config, endpoint)
        self._endpoint = endpoint
        self._setup_timeout = setup_timeout
        self._tries = Tries(comeback)
        self._state = State.CONNECTING
        self._carried = Carried(config, endpoint, history, unanswered)
        self._resumed = False
        self._lived = False
        self._gone_at: float | None = None  # when the last connection went
        self._dropped_then = 0
        self.handle = handle
        self.resumable = bool(handle)
        self.deadline: float | None = None
        self.turn = Turn.IDLE
        self.usage = Usage()
        self.outbox = outbox or Outbox()
        self.error: LiveError | None = None

    @property
    def state(self) -> State:
        """Where it stands in the table."""
        return self._state

    @property
    def has_begun(self) -> bool:
        """Whether the service has accepted a setup at all."""
        return self._lived

    @property
    def is_connected(self) -> bool:
        """Whether what is sent goes out at once."""
        return self._state is State.READY or self._state is State.ROTATING

    @property
    def is_idle(self) -> bool:
        """Whether nobody is at it: no answer is coming or owed, no call is open."""
        question = self._carried.question
        busy = self.open_calls or question.is_open or question.speaking
        return self.turn is Turn.IDLE and not busy

    @property
    def open_calls(self) -> set[str]:
        """Ids of the tool calls that are neither answered nor cancelled."""
        return self._carried.calls.open

    # -- The connection --------------------------------------------------------------------

    def connecting(self, now: float) -> None:
        """A socket is being opened: from now on the set-up time-out runs."""
        self.deadline = now + self._setup_timeout

    def time_left(self, now: float) -> float:
        """Seconds to the deadline."""
        return max(0.0, (self.deadline or now) - now)

    def opened(self, now: float) -> bytes:
        """A socket is open: the setup message to send on it, with the newest handle."""
        self._step(Input.OPENED)
        if self.deadline is None:
            self.connecting(now)
        self._resumed = bool(self.handle)
        self.turn = Turn.IDLE
        config = self._carried.begin(resumed=self._resumed)
        return encode(setup_message(config, self._endpoint, self.handle))

    def receive(self, data: bytes | str, now: float) -> list[Event]:
        """The events of one message; most often one, sometimes none.

        A message that holds more than its events show gives an `Unknown` as well.

        Raises `ProtocolError` for a message that cannot be read or has no place here. Tell it to
        `lost` then.
        """
        message, whole = read(data)
        events = events_of(message, now)
        if message.tool_call is not None:
            events = [event for event in map(self._once, events) if event is not None]
        if message.setup_complete is None and message.go_away is None:
            self._step(Input.MESSAGE)
        for event in events:
            self._note(event, now)
        if message.setup_complete is not None:
            events += self._connected(now)
        if not whole or not is_shown(message):
            events.append(Unknown(data.encode() if isinstance(data, str) else data))
        if self._state is State.ROTATING and self.is_idle and self._tries.come_back:
            self._leave(Input.PAUSE, now)
        return events

    def tick(self, now: float) -> list[Event]:
        """Tell the time. At the deadline the state changes, and with it what the caller does."""
        if self.deadline is None or now < self.deadline:
            return []
        match self._state:
            case State.CONNECTING:
                return []  # opening the socket has a time-out of its own
            case State.WAITING:
                self._step(Input.DEADLINE)
                self.deadline = None
                return []
            case State.ROTATING if self._tries.come_back:
                self._leave(Input.DEADLINE, now)
                return []
            case State.ROTATING:
                return self.lost(ProviderError(_TIME_UP), now)
        return self.lost(NetworkError(SETUP_TIMEOUT), now)

    def lost(self, error: LiveError, now: float) -> list[Event]:
        """The connection has ended, or was refused: the session waits for the next, or is closed.

        `error` says why (`error_from_close`); it is in `self.error` when there is no next.
        """
        left = self._state is State.LEAVING
        was_ready = left or self.is_connected
        stale = isinstance(error, ResumptionError) and bool(self.handle)
        if stale and self._tries.come_back:
            self.handle = ""
        elif error.permanent and not left:
            return self._give_up(error)
        try:
            self.deadline = self._tries.next(None if left else error, now, idle=self.is_idle)
        except LiveError as reason:
            return self._give_up(reason)
        return self._wait(GO_AWAY if left else error.code, now, was_ready=was_ready)

    def close(self) -> None:
        """We close. The socket must get a close frame, or the session cannot be resumed soon."""
        self._step(Input.CLOSE)

    def _leave(self, why: Input, now: float) -> None:
        self._step(why)
        self.deadline = None
        self._gone_at = now

    def _give_up(self, error: LiveError) -> list[Event]:
        self.error = error
        self._step(Input.GIVE_UP)
        return []

    def _wait(self, code: str, now: float, *, was_ready: bool) -> list[Event]:
        self._step(Input.LOST)
        if self._tries.gives_up_handle:
            self.handle = ""
        if not was_ready:
            return []
        self.outbox.forget_repeated()
        self._carried.lose_connection()
        self._dropped_then = self.outbox.audio_dropped_bytes
        self._gone_at = now if self._gone_at is None else self._gone_at
        return [Disconnected(code)]

    def _connected(self, now: float) -> list[Event]:
        """The next connection is ready: what has to be said on it before anything else."""
        renewed = not self._resumed and (self._lived or self._carried.has_told)
        lost_calls = () if self._resumed else self._carried.calls.forget()
        self.outbox.put_ahead([encode(each) for each in self._carried.first_messages()])
        gap = 0.0 if self._gone_at is None else now - self._gone_at
        dropped = self.outbox.audio_dropped_bytes - self._dropped_then
        self._gone_at, self._lived = None, True
        cancelled: list[Event] = [ToolCallCancellation(lost_calls)] if lost_calls else []
        return [*cancelled, Connected(renewed, gap, dropped)]

    # -- Messages to the service: each method returns what to send now -------------------------
    #
    # Without a connection there is nothing to send now: it is held, and goes out on the next.
    # All of them raise `ProtocolMisuse` when the session is closed, and then hold nothing.

    def audio(self, pcm: bytes, rate: int) -> bytes:
        """A piece of the user's sound: PCM16 little-endian mono at `rate` Hz."""
        self._step(Input.SEND)
        message = encode_audio(pcm, rate)
        if self.is_connected:
            return message
        self.outbox.put_audio(message, len(pcm))
        return b""

    def audio_end(self) -> bytes:
        """The microphone pauses; the next audio opens the stream again.

        Raises `InvalidRequest` without automatic activity detection.
        """
        return self._send(audio_end_message(self._carried.config))

    def activity_start(self) -> bytes:
        """The user begins to speak; interrupts the answer, unless the setup says otherwise.

        Raises `InvalidRequest` where the service finds out by itself.
        """
        message = self._send(activity_message(self._carried.config, start=True))
        self._carried.in_activity = True
        return message

    def activity_end(self) -> bytes:
        """The user has spoken; the model answers. Raises as `activity_start`."""
        message = self._send(activity_message(self._carried.config, start=False))
        self._carried.in_activity = False
        return message

    def video(self, frame: bytes, mime_type: str = "image/jpeg") -> bytes:
        """One picture of what the user sees or shows; at most one a second is looked at.

        Without a connection it is dropped: a later one shows what there is then. Raises
        `InvalidRequest` when it is neither JPEG nor PNG by its type.
        """
        message = video_message(frame, mime_type)
        self._step(Input.SEND)
        return encode(message) if self.is_connected else b""

    def text(self, text: str) -> bytes:
        """Something the user typed; the model answers at once.

        Raises `NetworkError` when too much of it waits for a connection.
        """
        self._step(Input.SEND)
        self._carried.typed(text, sent=self.is_connected)
        return encode(text_message(text)) if self.is_connected else b""

    def content(self, turns: Sequence[Content], turn_complete: bool) -> bytes:
        """Turns for the history. The model answers only when `turn_complete`."""
        content = ClientContent(turns=list(turns), turn_complete=turn_complete)
        return self._send(ClientMessage(client_content=content))

    def tool_responses(self, responses: Sequence[FunctionResponse]) -> bytes:
        """Answers to tool calls, also to those of a connection before this one.

        Raises `InvalidRequest` for an answer without id (Developer API), for a scheduling that
        is none, and for one where the function or the model has none.
        """
        message = tool_response_message(responses, self._carried.config, self._endpoint)
        self._step(Input.SEND)
        self._carried.calls.answer(responses)
        return encode(message) if self.is_connected else b""

    def context_update(
        self, *, system_instruction: str | None = None, tools: Sequence[AnyTool] | None = None
    ) -> bytes:
        """Change the instruction, the tools or both from now on; no tools take all away.

        Only newer models take it. Raises `InvalidRequest` for tools that are none.
        """
        message = context_update_message(system_instruction, tools, self._endpoint)
        self._step(Input.SEND)
        self._carried.change(system_instruction, tools)
        return encode(message) if self.is_connected else b""

    # -- Inside ------------------------------------------------------------------------------

    def _send(self, message: ClientMessage) -> bytes:
        self._step(Input.SEND)
        if self.is_connected:
            return encode(message)
        self.outbox.put(encode(message))
        return b""

    def _step(self, what: Input) -> None:
        state = TRANSITIONS.get((self._state, what))
        if state is None:
            theirs = what in _FROM_THE_SERVICE
            raise ProtocolError(_OUT_OF_ORDER) if theirs else ProtocolMisuse(_NOT_OPEN)
        self._state = state
        if state is State.CLOSED:
            self.deadline = None

    def _once(self, event: Event) -> Event | None:
        """The event without calls that came before, if anything is left: no tool may run twice."""
        return self._carried.calls.once(event) if isinstance(event, ToolCall) else event

    def _note(self, event: Event, now: float) -> None:
        if (step := step_of(event)) is not None:
            self._carried.step(event, self.turn, step)
            self.turn = TURNS[self.turn, step]
            return
        self._carried.note(event, self.turn)
        match event:
            case Ready():
                self._step(Input.SETUP_COMPLETE)
                self._tries.accepted(now)
                self.deadline = None
            case GoAway():
                self._step(Input.GO_AWAY)
                if self._state is State.ROTATING:  # and not leaving already
                    self.deadline = self._tries.leave_at(event.time_left, now)
            case ResumptionUpdate():
                self.handle = event.handle or self.handle
                self.resumable = event.resumable
            case Usage():
                self.usage += event
