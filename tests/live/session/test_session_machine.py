"""Anything in any order: only typed errors, and nothing that was said or called is forgotten."""

import itertools
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from live.endpoint import Endpoint
from live.errors import ProtocolError, ProtocolMisuse, ResumptionError, error_from_close
from live.events import Connected, Disconnected, Ready, ToolCall, ToolCallCancellation
from live.messages import FunctionResponse
from live.session import Comeback, Session, State
from live.setup import SessionConfig
from tests.live.samples import on_the_wire, samples

CONFIG = SessionConfig(model="gemini-3.8-live")
COMEBACK = Comeback(jitter=0.0, insist=True, short_lives=1000)
WITH_SOCKET = {State.SETUP_SENT, State.READY, State.ROTATING, State.LEAVING}
HAVE_A_DEADLINE = {State.SETUP_SENT, State.ROTATING, State.WAITING}
REASONS = (
    "",
    "API key not valid.",
    "BidiGenerateContent session not found",
    "Internal error encountered.",
    "You exceeded your current quota",
    "something new",
)
KEPT_BOOK_OF = ("toolCall", "sessionResumptionUpdate", "goAway", "setupComplete")


class SessionMachine(RuleBasedStateMachine):
    """What the service, the network, the clock and the user may do, and a book of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = Session(CONFIG, Endpoint.developer(), comeback=COMEBACK)
        self.session.connecting(0.0)
        self.sent_handle = ""
        self.calls: set[str] = set()
        self.called: set[str] = set()
        self.held: list[str] = []
        self.numbers = itertools.count(1)

    @property
    def talking(self) -> bool:
        return self.session.is_connected

    def tell(self, message: dict[str, Any]) -> list[Any]:
        return self.session.receive(on_the_wire(message), self.now)

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        due, before = self.session.deadline, self.session.state
        self.now += seconds
        self.session.tick(self.now)
        if before is State.CONNECTING or due is None or self.now < due:
            assert self.session.state is before
        else:
            assert self.session.state is not before

    @precondition(lambda self: self.session.state is State.CONNECTING)
    @rule()
    def socket_opens(self) -> None:
        setup = json.loads(self.session.opened(self.now))["setup"]
        self.sent_handle = setup["sessionResumption"].get("handle", "")
        assert self.sent_handle == self.session.handle

    @precondition(lambda self: self.session.state is State.SETUP_SENT)
    @rule()
    def service_accepts(self) -> None:
        events = self.tell({"setupComplete": {}})
        assert events[0] == Ready()
        assert isinstance(events[-1], Connected)
        cancelled = {i for e in events if isinstance(e, ToolCallCancellation) for i in e.ids}
        assert cancelled == (set() if self.sent_handle else self.calls)
        self.calls -= cancelled
        waiting = [json.loads(each) for each in iter(self.session.outbox.pop, None)]
        texts = [each["realtimeInput"]["text"] for each in waiting if "realtimeInput" in each]
        assert texts[len(texts) - len(self.held) :] == self.held
        self.held = []

    @precondition(lambda self: self.talking or self.session.state is State.LEAVING)
    @rule(left=st.integers(0, 60))
    def service_says_go_away(self, left: int) -> None:
        leaves = self.session.is_idle or self.session.state is State.LEAVING
        self.tell({"goAway": {"timeLeft": f"{left}s"}})
        if leaves:
            assert self.session.state is State.LEAVING
        else:
            assert self.session.deadline == self.now + left - min(COMEBACK.margin, left / 2)

    @precondition(lambda self: self.talking)
    @rule(resumable=st.booleans())
    def service_sends_a_handle(self, resumable: bool) -> None:
        before = self.session.handle
        handle = f"h{next(self.numbers)}" if resumable else ""
        self.tell({"sessionResumptionUpdate": {"newHandle": handle, "resumable": resumable}})
        assert self.session.handle == (handle or before)
        assert self.session.resumable is resumable

    @precondition(lambda self: self.talking)
    @rule(number=st.integers(1, 5))
    def service_calls_a_tool(self, number: int) -> None:
        call = f"c{number}"
        told = self.tell({"toolCall": {"functionCalls": [{"id": call}]}})
        assert any(isinstance(event, ToolCall) for event in told) == (call not in self.called)
        self.calls |= {call} - self.called
        self.called.add(call)

    @precondition(lambda self: self.session.state is not State.CLOSED)
    @rule(number=st.integers(1, 5))
    def tool_answers(self, number: int) -> None:
        self.session.tool_responses([FunctionResponse(f"c{number}")])
        self.calls.discard(f"c{number}")

    @precondition(lambda self: self.session.state in WITH_SOCKET)
    @rule(entry=st.sampled_from(samples("server")))
    def service_says_anything(self, entry: tuple[str, dict[str, Any]]) -> None:
        kind, message = entry
        if not kind.startswith(KEPT_BOOK_OF):  # rules of their own keep the book of these
            self.tell(message)

    @precondition(lambda self: self.session.state not in WITH_SOCKET)
    @rule()
    def service_says_something_out_of_place(self) -> None:
        try:
            self.tell({})
        except ProtocolError:
            return
        raise AssertionError("there is no socket that it could come from")

    @rule()
    def user_types(self) -> None:
        text = f"text {next(self.numbers)}"
        try:
            message = self.session.text(text)
        except ProtocolMisuse:
            assert self.session.state is State.CLOSED
            return
        assert bool(message) == self.talking
        if not message:
            self.held.append(text)

    @precondition(lambda self: self.session.state in WITH_SOCKET | {State.CONNECTING})
    @rule(code=st.integers(1000, 1015), reason=st.sampled_from(REASONS))
    def service_closes(self, code: int, reason: str) -> None:
        was_ready = self.talking or self.session.state is State.LEAVING
        left = self.session.state is State.LEAVING
        error = error_from_close(code, reason)
        events = self.session.lost(error, self.now)
        if self.session.state is State.CLOSED:
            assert self.session.error is error
            return
        assert self.session.state is State.WAITING
        assert left or isinstance(error, ResumptionError) or not error.permanent
        told = [Disconnected("go_away" if left else error.code)] if was_ready else []
        assert events == told

    @rule()
    def we_close(self) -> None:
        self.session.close()
        assert self.session.state is State.CLOSED

    @invariant()
    def the_book_is_right(self) -> None:
        assert self.session.open_calls == self.calls

    @invariant()
    def a_state_that_waits_has_a_deadline(self) -> None:
        if self.session.state in HAVE_A_DEADLINE:
            assert self.session.deadline is not None
        if self.session.state in {State.READY, State.LEAVING, State.CLOSED}:
            assert self.session.deadline is None


TestSessionMachine = SessionMachine.TestCase
TestSessionMachine.settings = settings(max_examples=100)
