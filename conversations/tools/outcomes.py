"""A call of the model's, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conversations.states import CallState


@dataclass(frozen=True, slots=True)
class Call:
    """One function call of the model's.

    `id` is the same for the same call, whoever makes it again, and no other call of its
    conversation has it. `conversation` is the conversation's id: the ids of two conversations'
    calls may be alike, and a server that got one of them would take the other for the same.
    """

    id: str
    name: str
    args: Mapping[str, Any] = field(repr=False)
    conversation: str = ""

    @property
    def key(self) -> str:
        """What no other call has: the Idempotency-Key."""
        return f"{self.conversation}.{self.id}" if self.conversation else self.id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call.

    `response` is the JSON object that the model is told, `{"error": {"code", "message"}}` when
    the call failed. `summary` is one line for people: no secret, nothing of the answer.
    """

    response: Mapping[str, Any] = field(repr=False)
    state: CallState
    summary: str


class CallFailed(Exception):
    """A call has no result. `code` and `message` are for the model, which may tell the user;
    `summary` for people who look after the tool. None holds a secret."""

    state = CallState.FAILED

    def __init__(self, code: str, message: str, *, summary: str = "", body: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.summary = summary or message
        self.body = body

    def outcome(self) -> Outcome:
        error = {"code": self.code, "message": self.message}
        if self.body is not None:
            error["answer"] = self.body
        return Outcome({"error": error}, self.state, self.summary)


class CallTimedOut(CallFailed):
    """The time-out of the tool is over."""

    state = CallState.TIMED_OUT

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            "timed_out",
            "The tool did not answer in time. Whether it did anything is not known.",
            summary=f"No answer within {timeout_s:g} s.",
        )


def cancelled() -> Outcome:
    """What is kept of a call that the model took back, or the conversation's end."""
    error = {"code": "cancelled", "message": "The call was cancelled."}
    return Outcome({"error": error}, CallState.CANCELLED, "Cancelled.")
