"""What may be said of a call that a page is asked to make."""

from __future__ import annotations

import asyncio

import pytest

from conversations import protocol as p
from conversations.states import CallState
from conversations.worker import asked
from conversations.worker.asked import Question, nobody_there, outcome_of, refusal, too_much

TAKE = p.ToolTake(call="fc-1", by="me")
RESULT = p.ToolResult(call="fc-1", result={"at": "noon"})
ERROR = p.ToolResult(call="fc-1", error="I have no clock.")
LONG = p.ToolResult(call="fc-1", result={"text": "a" * p.RESULT_BYTES})
Said = p.ToolTake | p.ToolResult


@pytest.mark.parametrize(
    ("is_taken", "message", "refused"),
    [
        (False, TAKE, None),
        (False, RESULT, asked.NOT_TAKEN),
        (False, ERROR, None),
        (True, TAKE, asked.NOT_YOURS),
        (True, RESULT, None),
        (True, ERROR, None),
        (True, LONG, asked.TOO_LONG),
    ],
)
async def test_what_is_refused(is_taken: bool, message: Said, refused: p.Error | None) -> None:
    assert refusal(Question(60, is_taken=is_taken), message) == refused


@pytest.mark.parametrize("message", [TAKE, RESULT, ERROR])
async def test_a_call_is_answered_once(message: Said) -> None:
    question = Question(60, is_taken=True)
    question.settle(outcome_of(RESULT))
    question.settle(outcome_of(ERROR))
    assert refusal(question, message) == asked.UNKNOWN
    assert refusal(None, message) == asked.UNKNOWN
    assert (await question.outcome()).response == {"at": "noon"}


@pytest.mark.parametrize(("is_taken", "state"), [(False, "failed"), (True, "timed-out")])
async def test_time_runs_out(is_taken: bool, state: str) -> None:
    """Whether it was made is known where nobody took it."""
    async with asyncio.timeout(10):
        outcome = await Question(0.01, is_taken=is_taken).outcome()
    assert outcome.state == state
    assert is_taken or outcome == nobody_there()


def test_what_the_model_is_told() -> None:
    assert outcome_of(RESULT).state == CallState.SUCCEEDED
    assert outcome_of(p.ToolResult(call="fc-1")).response == {}
    assert outcome_of(ERROR).response["error"]["message"] == "I have no clock."
    assert str(p.ARGS_BYTES) in too_much().response["error"]["message"]
