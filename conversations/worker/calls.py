"""The tool calls of one conversation, while its host has it.

A call is noted in the database, made, noted again, and only then is the model told. Audio waits
for none of it: each call is a task. Calls that the model takes back are stopped, and their
outcome is told to nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from django.db import Error as DatabaseError

import live
from accounts.database import in_database
from conversations.states import CallState
from conversations.tools.ledger import Host, NotOurs, OpenCall, begin, finish, unknown
from conversations.tools.outcomes import Call, CallFailed, Outcome, cancelled
from conversations.tools.toolbox import Toolbox
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
    def tell_pages(self, code: str, text: str) -> None: ...


class ToolCalls:
    """`lost` are the calls that an earlier host left open."""

    def __init__(
        self, host: Host, toolbox: Toolbox, teller: Teller, lost: Sequence[OpenCall] = ()
    ) -> None:
        self._host = host
        self._lost = lost
        self._toolbox = toolbox
        self._teller = teller
        self._open: dict[str, asyncio.Task[None]] = {}
        self._errands: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def hear(self, event: live.Event) -> None:
        """What the session with the model tells, as far as it is about calls."""
        if isinstance(event, live.ToolCall):
            self.take(event.calls)
        elif isinstance(event, live.ToolCallCancellation):
            self.cancel(event.ids)

    def take(self, calls: Sequence[FunctionCall]) -> None:
        """The model asks for these."""
        for call in calls:
            if len(self._open) >= MAX_OPEN:
                self._tell(call, TOO_MANY.outcome())
            elif call.id not in self._open:
                self._open[call.id] = asyncio.create_task(self._make(call), name="tool call")

    def cancel(self, ids: Sequence[str]) -> None:
        """The model takes these back."""
        for call_id in ids:
            if (task := self._open.pop(call_id, None)) is not None:
                task.cancel()
                self._errand(call_id)

    def answer_lost(self) -> None:
        """A resumed session may wait for what an earlier host had begun."""
        lost, self._lost = self._lost, ()
        for call in lost:
            self._tell(FunctionCall(id=call.id, name=call.name), unknown())

    async def aclose(self) -> None:
        """Nobody here makes calls any more."""
        self.cancel(list(self._open))
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _make(self, call: FunctionCall) -> None:
        outcome = await self._outcome_of(call)
        if self._open.get(call.id) is asyncio.current_task():
            del self._open[call.id]
            if outcome is not None:
                self._tell(call, outcome)

    async def _outcome_of(self, call: FunctionCall) -> Outcome | None:
        """Make it, unless it was made before; None when the conversation is another worker's."""
        try:
            known = await in_database(begin, self._host, call.id, call.name)
        except NotOurs:
            return None
        except DatabaseError as error:
            log.warning("tool call not noted: %s", type(error).__name__)
            return NOT_NOTED.outcome()
        if known is not None:
            return known
        conversation = str(self._host.conversation_id)
        outcome = await self._toolbox.run(Call(call.id, call.name, call.args, conversation))
        return outcome if await self._keep(call.id, outcome) else None

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
        answer = FunctionResponse(
            id=call.id,
            name=call.name,
            response=dict(outcome.response),
            scheduling=self._scheduling(call.name),
        )
        self._teller.tell_model(answer)
        self._teller.tell_pages(f"tool-{outcome.state}", told(call.name, outcome))

    def _scheduling(self, name: str) -> str:
        """When the model takes an answer up; a blocking function's is taken up at once."""
        if name not in self._toolbox.names or self._toolbox.behavior(name) != NON_BLOCKING:
            return ""
        return self._toolbox.scheduling(name)

    def _errand(self, call_id: str) -> None:
        task = asyncio.create_task(self._note_cancelled(call_id), name="tool call cancelled")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _note_cancelled(self, call_id: str) -> None:
        await self._keep(call_id, cancelled())


def told(name: str, outcome: Outcome) -> str:
    """A line for the page: which tool, and how it ended."""
    return f"{in_words(name)} {SAYS[outcome.state]}."


def in_words(name: str) -> str:
    """A function's name as people read it: `look_up_order` is "Look up order"."""
    return name.replace("_", " ").replace(".", " ").strip().capitalize()
