"""The calls that a page answers, while the conversation's host waits for it.

A page says that it takes a call, is told once that is noted, and only then begins; so a call is
made by one page, once, whichever page has the conversation and whatever connection breaks. Whoever
answers, answers once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from conversations import protocol as p
from conversations.states import CallState
from conversations.tools.outcomes import CallFailed, CallTimedOut, Outcome

UNKNOWN: Final = p.Error(
    code="unknown-call",
    message="There is no open tool call with this id.",
    fix="It was answered, was cancelled, or its time is up. Forget it.",
)
NOT_YOURS: Final = p.Error(
    code="call-taken",
    message="A page has taken this tool call before.",
    fix="Leave it to that page.",
)
NOT_TAKEN: Final = p.Error(
    code="call-not-taken",
    message="A tool call is taken before it is answered.",
    fix="Send `tool-take`, and make the call once its state is `running`.",
)
TOO_LONG: Final = p.Error(
    code="result-too-long",
    message=f"A tool's result may have {p.RESULT_BYTES} bytes as JSON.",
    fix="Answer with less of it. The call is still open.",
)


class Question:
    """One call, asked of the page for `timeout_s` seconds."""

    def __init__(self, timeout_s: float, *, is_taken: bool = False) -> None:
        self.is_taken = is_taken
        self._timeout_s = timeout_s
        self._answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def is_answered(self) -> bool:
        return self._answer.done()

    def settle(self, outcome: Outcome) -> None:
        if not self._answer.done():
            self._answer.set_result(outcome)

    async def outcome(self) -> Outcome:
        """Wait for the page's answer, for as long as there is time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answer
        except TimeoutError:
            return CallTimedOut(self._timeout_s).outcome() if self.is_taken else nobody_there()


def refusal(question: Question | None, message: p.ToolTake | p.ToolResult) -> p.Error | None:
    """Why this cannot be said of the call now; None when it can."""
    if question is None or question.is_answered:
        return UNKNOWN
    match message:
        case p.ToolTake():
            return NOT_YOURS if question.is_taken else None
        case p.ToolResult(error=None, result=result):
            if not question.is_taken:
                return NOT_TAKEN
            return TOO_LONG if len(json.dumps(result)) > p.RESULT_BYTES else None
    return None


def outcome_of(result: p.ToolResult) -> Outcome:
    """What the model is told of a page's answer."""
    if result.error is not None:
        return CallFailed("failed", result.error, summary="The page could not do it.").outcome()
    return Outcome(result.result or {}, CallState.SUCCEEDED, "Answered by the page.")


def nobody_there() -> Outcome:
    return CallFailed(
        "nobody_there",
        "The call was not made: the user's page was not there to make it.",
        summary="No page took it in time.",
    ).outcome()


def too_much() -> Outcome:
    return CallFailed(
        "arguments_too_long", f"The arguments may have {p.ARGS_BYTES} bytes. Call with less."
    ).outcome()
