"""The function calls of one session: which are open, and what an answer to one means.

They belong to the session, not to its connection: a call that was pending when the
connection dropped can be answered after the resumption, by its old id.
"""

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from live.simulator.closes import entity_not_found

MAX_OPEN = 256
MAX_CLOSED = 256


@dataclass(frozen=True)
class Call:
    """One call of a declared function."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    blocking: bool


class Calls:
    """Open and closed calls, `MAX_OPEN` and `MAX_CLOSED` at most: the oldest go first."""

    def __init__(self) -> None:
        self._open: dict[str, Call] = {}
        self._closed: dict[str, None] = {}

    @property
    def blocked(self) -> bool:
        """Whether the model waits for the answer to a BLOCKING call."""
        return any(call.blocking for call in self._open.values())

    @property
    def pending(self) -> bool:
        """Whether an answer is awaited, by a model that waits or by one that goes on."""
        return bool(self._open)

    def add(self, calls: Iterable[Call]) -> None:
        for call in calls:
            self._open[call.call_id] = call
        while len(self._open) > MAX_OPEN:
            self._close(next(iter(self._open)))

    def answered(self, call_id: str, *, more: bool) -> Call | None:
        """Return the call that an answer belongs to; None when it was answered or cancelled.

        `more` (willContinue) leaves a NON_BLOCKING call open. Raises Refusal (1008) for an
        id that was never given out.
        """
        call = self._open.get(call_id)
        if call is None and call_id not in self._closed:
            raise entity_not_found()
        if call is not None and (call.blocking or not more):
            self._close(call_id)
        return call

    def id_of(self, name: str) -> str:
        """Return the oldest open call of a function; Vertex AI's clients may leave the id out."""
        return next((call.call_id for call in self._open.values() if call.name == name), "")

    def cancel_blocking(self) -> list[str]:
        """Close the BLOCKING calls; return their ids."""
        ids = [call.call_id for call in self._open.values() if call.blocking]
        for call_id in ids:
            self._close(call_id)
        return ids

    def _close(self, call_id: str) -> None:
        self._open.pop(call_id)
        self._closed[call_id] = None
        if len(self._closed) > MAX_CLOSED:
            self._closed.pop(next(iter(self._closed)))


def new_call_id(*, short: bool, blocking: bool, vertex: bool) -> str:
    """Return an id in one of the shapes that were seen (section 4.4); `short` is 3.8's way.

    Never seeded: a client that calls each id once may meet two runs of the simulator.
    """
    if vertex:
        return str(uuid.uuid4())
    if not short:
        return f"function-call-{secrets.randbits(64)}"
    if blocking:
        return f"fc_{10**18 + secrets.randbelow(9 * 10**18)}"
    return f"call_{10**6 + secrets.randbelow(9 * 10**6)}"
