"""One function that the model may call, and who makes its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import live
from conversations.states import ToolKind
from conversations.tools.outcomes import Call, Outcome


class Runner(Protocol):
    """Makes the calls of one tool."""

    async def run(self, call: Call) -> Outcome:
        """Make the call and return what came of it, within any time.

        Raises CallFailed. Cancelling it drops the connection.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tool:
    """One function that the model may call. `runner` is None for a client-side tool.

    `scheduling` says when the model takes up the answer of a NON_BLOCKING function, in the words
    of `live.FunctionResponse`; "" leaves it to the model.
    """

    declaration: live.FunctionDeclaration
    kind: ToolKind
    timeout_s: float
    scheduling: str = ""
    runner: Runner | None = None
