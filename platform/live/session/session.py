"""A Live session without I/O: bytes in, events and bytes out, the time passed in."""

from __future__ import annotations

from collections.abc import Sequence

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
    Usage,
    events_of,
    is_shown,
)
from live.messages import (
    ClientContent,
    ClientMessage,
    Content,
    FunctionCall,
    FunctionResponse,
    RealtimeInput,
)
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


_KNOWN_CALLS = 1024  # ids that are remembered, the newest


class Session:
    """One Live session.

    `deadline` is the moment, on the clock of the `now` that is passed in, at which `tick` has to
    be called; `None` while there is none. `open_calls` holds the ids of the tool calls that are
    neither answered nor cancelled. `turn` is where the model's turn stands. `usage` is the sum of
    all that the service told. Not safe for use by several threads.
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

        Raises, before anything is opened, `CallerError` when the model's name is none, and
        `InvalidRequest` or `ModelError` for options that cannot work.
        """
        endpoint.model_name(config.model)
        check(config, endpoint)
        self._config = config
        self._endpoint = endpoint
        self._setup_timeout = setup_timeout
        self._state = State.CONNECTING
        self.handle = handle
        self.resumable = bool(handle)
        self.deadline: float | None = now + setup_timeout
        self.open_calls: set[str] = set()
        self._known_calls: dict[str, None] = {}
        self.turn = Turn.IDLE
        self.usage = Usage()

    @property
    def state(self) -> State:
        return self._state

    # -- The connection --------------------------------------------------------------------

    def opened(self, now: float) -> bytes:
        """A socket is open: the setup message to send on it, with the newest handle."""
        setup = encode(setup_message(self._config, self._endpoint, self.handle))
        rotated = self._state is State.ROTATING
        self._step(Input.OPENED)
        self.turn = Turn.IDLE
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
        if message.tool_call is not None:
            events = [event for event in map(self._once, events) if event is not None]
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
        """The microphone pauses; the next audio opens the stream again.

        Raises `InvalidRequest` without automatic activity detection.
        """
        return self._send(audio_end_message(self._config))

    def activity_start(self) -> bytes:
        """The user begins to speak; interrupts the answer, unless the setup says otherwise.

        Raises `InvalidRequest` where the service finds out by itself.
        """
        return self._send(activity_message(self._config, start=True))

    def activity_end(self) -> bytes:
        """The user has spoken; the model answers. Raises as `activity_start`."""
        return self._send(activity_message(self._config, start=False))

    def video(self, frame: bytes, mime_type: str = "image/jpeg") -> bytes:
        """One picture of what the user sees or shows; at most one a second is looked at.

        Raises `InvalidRequest` when it is neither JPEG nor PNG by its type.
        """
        return self._send(video_message(frame, mime_type))

    def text(self, text: str) -> bytes:
        """Something the user typed; the model answers at once."""
        return self._send(ClientMessage(realtime_input=RealtimeInput(text=text)))

    def content(self, turns: Sequence[Content], turn_complete: bool) -> bytes:
        """Turns for the history. The model answers only when `turn_complete`."""
        content = ClientContent(turns=list(turns), turn_complete=turn_complete)
        return self._send(ClientMessage(client_content=content))

    def tool_responses(self, responses: Sequence[FunctionResponse]) -> bytes:
        """Answers to tool calls, also to those of a connection before this one.

        Raises `InvalidRequest` for an answer without id (Developer API), for a scheduling that
        is none, and for one where the function or the model has none.
        """
        message = self._send(tool_response_message(responses, self._config, self._endpoint))
        self.open_calls -= {answer.id for answer in responses if not answer.will_continue}
        return message

    def context_update(
        self, *, system_instruction: str | None = None, tools: Sequence[AnyTool] | None = None
    ) -> bytes:
        """Change the instruction, the tools or both from now on; no tools take all away.

        Only newer models take it. Raises `InvalidRequest` for tools that are none.
        """
        return self._send(context_update_message(system_instruction, tools, self._endpoint))

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

    def _once(self, event: Event) -> Event | None:
        """The event without calls that came before, if anything is left: no tool may run twice."""
        if not isinstance(event, ToolCall):
            return event
        fresh = tuple(call for call in event.calls if call.id not in self._known_calls)
        self._remember_calls(fresh)
        return ToolCall(fresh) if fresh else None

    def _remember_calls(self, calls: Sequence[FunctionCall]) -> None:
        """Calls without an id cannot be told apart, and pieces of one share theirs."""
        whole = (call.id for call in calls if call.id and not call.will_continue)
        self._known_calls.update(dict.fromkeys(whole))
        while len(self._known_calls) > _KNOWN_CALLS:
            del self._known_calls[next(iter(self._known_calls))]

    def _note(self, event: Event) -> None:
        if (step := step_of(event)) is not None:
            self.turn = TURNS[self.turn, step]
            return
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
            case Usage():
                self.usage += event
