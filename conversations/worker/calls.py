"""The tool calls of one conversation, while its host has it.

A call is noted in the database, made, noted again, and only then is the model told. Audio waits
for none of it: each call is a task. Calls that the model takes back are stopped, and it hears no
more of them. Some a page makes, see `asked`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from django.db import Error as DatabaseError
from django.utils import timezone

import live
from accounts.database import in_database
from conversations import protocol as p
from conversations.states import CallState, ToolKind
from conversations.tools.ledger import Host, LeftCall, NotOurs, begin, finish, take
from conversations.tools.outcomes import Call, CallFailed, Outcome, cancelled
from conversations.tools.toolbox import Toolbox
from conversations.transcripts.assembly import ToolChange
from conversations.worker.asked import Question, outcome_of, refusal, too_much
from live import FunctionCall, FunctionResponse

log = logging.getLogger(__name__)

# A model that asks for more at once is told so. Each may hold an answer of its tool's size.
MAX_OPEN: Final = 16

NON_BLOCKING: Final = "NON_BLOCKING"
TOO_MANY = CallFailed("too_many_calls", "Too many calls are open. Wait for their answers.")
NOT_NOTED = CallFailed("not_made", "The call could not be noted, so it was not made. Try again.")
SAYS = {
    CallState.SUCCEEDED: "was used",
    CallState.FAILED: "failed",
    CallState.TIMED_OUT: "did not answer in time",
    CallState.CANCELLED: "was stopped",
}


class Teller(Protocol):
    """What calls need of their host."""

    def tell_model(self, answer: FunctionResponse) -> None: ...
    def tell_pages(self, change: ToolChange) -> None: ...


class ToolCalls:
    """`lost` are the calls of an earlier host whose answers the model may not have."""

    def __init__(
        self, host: Host, toolbox: Toolbox, teller: Teller, lost: Sequence[LeftCall] = ()
    ) -> None:
        self._host = host
        self._lost = lost
        self._toolbox = toolbox
        self._teller = teller
        self._open: dict[str, asyncio.Task[None]] = {}
        # How calls ended since the model last said something: a session that begins anew has
        # heard of none.
        self._ended: deque[LeftCall] = deque(maxlen=MAX_OPEN)
        self._asked = {
            call.id: Question(call.left_s, is_taken=True) for call in lost if call.outcome is None
        }
        self._errands: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def hear(self, event: live.Event) -> None:
        """What the session with the model tells, as far as it is about calls."""
        if isinstance(event, live.ToolCall):
            self.take(event.calls)
        elif isinstance(event, live.ToolCallCancellation):
            self.cancel(event.ids)
        elif isinstance(event, live.OutputTranscript | live.Text):
            self._ended.clear()

    def take(self, calls: Sequence[FunctionCall]) -> None:
        """The model asks for these."""
        for call in calls:
            if len(self._open) >= MAX_OPEN:
                self._tell(call, TOO_MANY.outcome())
            elif call.id not in self._open:
                self._begin(call, self._outcome_of(call))

    def cancel(self, ids: Sequence[str]) -> None:
        """The model takes these back."""
        for call_id in ids:
            if (task := self._open.pop(call_id, None)) is not None:
                task.cancel()
                self._ended.append(LeftCall(call_id, task.get_name()))
                self._errand(self._note_cancelled(call_id, task.get_name()))

    def hear_page(self, message: p.ToolTake | p.ToolResult) -> p.Error | None:
        """The page takes a call, or answers one. Returns what is wrong with that, if anything."""
        question = self._asked.get(message.call)
        refused = refusal(question, message)
        if refused is not None or question is None:
            return refused
        if isinstance(message, p.ToolTake):
            question.is_taken = True
            self._errand(self._take(message, question))
        else:
            question.settle(outcome_of(message))
        return None

    def answer_lost(self) -> None:
        """A resumed session may wait for what an earlier host had begun, or a page goes on with."""
        lost, self._lost = self._lost, ()
        for left in lost:
            call = FunctionCall(id=left.id, name=left.name)
            if left.outcome is None:
                self._begin(call, self._go_on(call))
            elif left.was_over:
                self._teller.tell_model(self._answer(call, left.outcome))
            else:
                self._tell(call, left.outcome)

    def forget(self) -> Sequence[LeftCall]:
        """The model's session is a new one, which waits for none of them. Returns those whose
        answers it may have to be told in other words."""
        lost, self._lost = [*self._lost, *self._ended], ()
        self._ended.clear()
        for left in lost:
            if self._asked.pop(left.id, None) is not None:
                self._errand(self._note_cancelled(left.id, left.name))
        return lost

    async def aclose(self) -> None:
        """Nobody here makes calls any more."""
        self.cancel(list(self._open))
        await asyncio.gather(*self._errands, return_exceptions=True)

    def _begin(self, call: FunctionCall, outcome: Coroutine[Any, Any, Outcome | None]) -> None:
        task = asyncio.create_task(self._make(call, outcome), name=call.name)
        self._open[call.id] = task

    async def _make(self, call: FunctionCall, coming: Coroutine[Any, Any, Outcome | None]) -> None:
        outcome = await coming
        if self._open.get(call.id) is asyncio.current_task():
            del self._open[call.id]
            if outcome is not None:
                self._tell(call, outcome)

    async def _outcome_of(self, call: FunctionCall) -> Outcome | None:
        """Make it, unless it was made before; None when the conversation is another worker's."""
        asks_s = self._asks_for_s(call.name)
        if asks_s and len(json.dumps(call.args)) > p.ARGS_BYTES:
            return too_much()
        answer_by = timezone.now() + timedelta(seconds=asks_s) if asks_s else None
        try:
            known = await in_database(begin, self._host, call.id, call.name, answer_by=answer_by)
        except NotOurs:
            return None
        except DatabaseError as error:
            log.warning("tool call not noted: %s", type(error).__name__)
            return NOT_NOTED.outcome()
        if known is not None:
            return known
        outcome = await (self._ask(call, asks_s) if asks_s else self._run(call))
        return outcome if await self._keep(call.id, outcome) else None

    def _asks_for_s(self, name: str) -> float:
        """How long the page has for an answer, in seconds; 0 where none is asked."""
        is_page = self._toolbox.kind(name) == ToolKind.CLIENT
        return self._toolbox.timeout_s(name) if is_page else 0.0

    async def _run(self, call: FunctionCall) -> Outcome:
        self._teller.tell_pages(ToolChange(call.id, call.name, CallState.RUNNING))
        conversation = str(self._host.conversation_id)
        return await self._toolbox.run(Call(call.id, call.name, call.args, conversation))

    async def _ask(self, call: FunctionCall, timeout_s: float) -> Outcome:
        question = self._asked[call.id] = Question(timeout_s)
        left_ms = round(timeout_s * 1000)
        self._teller.tell_pages(
            ToolChange(call.id, call.name, CallState.REQUESTED, args=call.args, left_ms=left_ms)
        )
        try:
            return await question.outcome()
        finally:
            self._asked.pop(call.id, None)

    async def _go_on(self, call: FunctionCall) -> Outcome | None:
        """Wait for what a page has begun for an earlier host."""
        try:
            outcome = await self._asked[call.id].outcome()
        finally:
            self._asked.pop(call.id, None)
        return outcome if await self._keep(call.id, outcome) else None

    async def _take(self, message: p.ToolTake, question: Question) -> None:
        """A page may begin once that is noted."""
        try:
            is_ours = await in_database(take, self._host, message.call)
        except NotOurs:
            return
        except DatabaseError as error:
            log.warning("a page's tool call not noted: %s", type(error).__name__)
            question.is_taken = False
            return
        if is_ours and not question.is_answered and (task := self._open.get(message.call)):
            name = task.get_name()
            self._teller.tell_pages(
                ToolChange(message.call, name, CallState.RUNNING, by=message.by)
            )

    async def _keep(self, call_id: str, outcome: Outcome) -> bool:
        """Note the end. False when the conversation is another worker's."""
        try:
            await in_database(finish, self._host, call_id, outcome)
        except NotOurs:
            return False
        except DatabaseError as error:
            # It stays noted as begun, so nobody makes it again; the model is told all the same.
            log.warning("end of a tool call not noted: %s", type(error).__name__)
        return True

    def _tell(self, call: FunctionCall, outcome: Outcome) -> None:
        self._ended.append(LeftCall(call.id, call.name, outcome))
        self._teller.tell_model(self._answer(call, outcome))
        self._teller.tell_pages(changed(call.id, call.name, outcome))

    def _answer(self, call: FunctionCall, outcome: Outcome) -> FunctionResponse:
        return FunctionResponse(
            id=call.id,
            name=call.name,
            response=dict(outcome.response),
            scheduling=self._scheduling(call.name),
        )

    def _scheduling(self, name: str) -> str:
        """When the model takes an answer up; a blocking function's is taken up at once."""
        if name not in self._toolbox.names or self._toolbox.behavior(name) != NON_BLOCKING:
            return ""
        return self._toolbox.scheduling(name)

    def _errand(self, coming: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coming, name="tool call noted")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _note_cancelled(self, call_id: str, name: str) -> None:
        outcome = cancelled()
        self._teller.tell_pages(changed(call_id, name, outcome))
        await self._keep(call_id, outcome)


def changed(call_id: str, name: str, outcome: Outcome) -> ToolChange:
    summary = outcome.summary
    return ToolChange(call_id, name, outcome.state, told(name, outcome), summary=summary)


def told(name: str, outcome: Outcome) -> str:
    """A line for the page: which tool, and how it ended."""
    return f"{in_words(name)} {SAYS[outcome.state]}."


def in_words(name: str) -> str:
    """A function's name as people read it: `look_up_order` is "Look up order"."""
    return name.replace("_", " ").replace(".", " ").strip().capitalize()
