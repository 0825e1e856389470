"""The tool calls of a session: which are open, which came before, how they were answered. Pure.

No tool may run twice, whatever a connection does; and a call that nobody answers blocks the turn
for good. So the ids of calls are remembered over all connections, and answers until the model
goes on: those that a lost connection may have taken with it are given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from live.events import ToolCall
from live.messages import FunctionCall, FunctionResponse

KNOWN_CALLS = 1024  # ids that are remembered, the newest


class Calls:
    """`open` holds the ids of the calls that are neither answered nor cancelled."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self._known: dict[str, None] = {}
        self._answers: list[FunctionResponse] = []

    def once(self, event: ToolCall) -> ToolCall | None:
        """The event without calls that came before, if anything is left."""
        fresh = tuple(call for call in event.calls if call.id not in self._known)
        self._remember(fresh)
        self.open |= {call.id for call in fresh}
        return ToolCall(fresh) if fresh else None

    def cancel(self, ids: Iterable[str]) -> None:
        self.open -= set(ids)

    def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """The owner answers; an answer with more to come leaves its call open."""
        self.open -= {answer.id for answer in responses if not answer.will_continue}
        self._answers += responses

    def go_on(self) -> None:
        """The model goes on: the answers have arrived."""
        self._answers.clear()

    def again(self) -> list[FunctionResponse]:
        """The answers that a resumed session may not have."""
        return list(self._answers)

    def forget(self) -> tuple[str, ...]:
        """A new session knows none of the calls; the ids of those that were open."""
        lost = tuple(sorted(self.open))
        self.open.clear()
        self._answers.clear()
        return lost

    def _remember(self, calls: Sequence[FunctionCall]) -> None:
        """Calls without an id cannot be told apart, and pieces of one share theirs."""
        whole = (call.id for call in calls if call.id and not call.will_continue)
        self._known.update(dict.fromkeys(whole))
        while len(self._known) > KNOWN_CALLS:
            del self._known[next(iter(self._known))]
