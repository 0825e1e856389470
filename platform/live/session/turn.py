"""Where the model's turn stands: a second table, beside the one of the session.

It judges nobody: the service promises little about the order of its messages, so that every pair
has a row. It answers one question, whether the model is at it, which a rotation waits for.

* `idle`: the model owes nothing, as far as it has said.
* `generating`: an answer is coming.
* `playing`: all of it has been sent, faster than it sounds; `turnComplete` comes when it has
  been played, by the service's reckoning.
* `cut`: the user spoke over it; `turnComplete` follows at once.
* `between`: a thinking model has ended a turn, and takes another one unasked.

A call of a BLOCKING tool leaves the turn as it is; `Session.open_calls` tells of it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from live.events import (
    Audio,
    CodeExecutionResult,
    Event,
    ExecutableCode,
    FileData,
    GenerationComplete,
    InlineData,
    InteractionStatus,
    Interrupted,
    OutputTranscript,
    Text,
    Thought,
    TurnComplete,
)


class Turn(enum.Enum):
    """Where the model's turn stands."""

    __hash__ = object.__hash__  # the one of enum is slow, and each message asks for it

    IDLE = "idle"
    GENERATING = "generating"
    PLAYING = "playing"
    CUT = "cut"
    BETWEEN = "between"


class Step(enum.Enum):
    """What can happen to a turn."""

    __hash__ = object.__hash__  # the one of enum is slow, and each message asks for it

    OUTPUT = "output"
    GENERATION_COMPLETE = "generation_complete"
    INTERRUPTED = "interrupted"
    TURN_COMPLETE = "turn_complete"
    MORE_TO_COME = "more_to_come"


TURNS: Mapping[tuple[Turn, Step], Turn] = MappingProxyType(
    {
        (Turn.IDLE, Step.OUTPUT): Turn.GENERATING,
        # A call of a NON_BLOCKING tool is a generation without a word.
        (Turn.IDLE, Step.GENERATION_COMPLETE): Turn.PLAYING,
        (Turn.IDLE, Step.INTERRUPTED): Turn.IDLE,
        (Turn.IDLE, Step.TURN_COMPLETE): Turn.IDLE,
        (Turn.IDLE, Step.MORE_TO_COME): Turn.BETWEEN,
        (Turn.GENERATING, Step.OUTPUT): Turn.GENERATING,
        (Turn.GENERATING, Step.GENERATION_COMPLETE): Turn.PLAYING,
        (Turn.GENERATING, Step.INTERRUPTED): Turn.CUT,
        (Turn.GENERATING, Step.TURN_COMPLETE): Turn.IDLE,
        (Turn.GENERATING, Step.MORE_TO_COME): Turn.BETWEEN,
        # The transcript may trail behind the generation.
        (Turn.PLAYING, Step.OUTPUT): Turn.PLAYING,
        (Turn.PLAYING, Step.GENERATION_COMPLETE): Turn.PLAYING,
        (Turn.PLAYING, Step.INTERRUPTED): Turn.CUT,
        (Turn.PLAYING, Step.TURN_COMPLETE): Turn.IDLE,
        (Turn.PLAYING, Step.MORE_TO_COME): Turn.BETWEEN,
        (Turn.CUT, Step.OUTPUT): Turn.GENERATING,
        (Turn.CUT, Step.GENERATION_COMPLETE): Turn.CUT,
        (Turn.CUT, Step.INTERRUPTED): Turn.CUT,
        (Turn.CUT, Step.TURN_COMPLETE): Turn.IDLE,
        (Turn.CUT, Step.MORE_TO_COME): Turn.BETWEEN,
        (Turn.BETWEEN, Step.OUTPUT): Turn.GENERATING,
        (Turn.BETWEEN, Step.GENERATION_COMPLETE): Turn.BETWEEN,
        (Turn.BETWEEN, Step.INTERRUPTED): Turn.CUT,
        (Turn.BETWEEN, Step.TURN_COMPLETE): Turn.IDLE,
        (Turn.BETWEEN, Step.MORE_TO_COME): Turn.BETWEEN,
    }
)

# No answer is coming, as far as the service has said.
BETWEEN_ANSWERS = frozenset({Turn.IDLE, Turn.CUT, Turn.BETWEEN})

# Every piece of audio comes by here: one look-up.
_STEPS: Mapping[type[Event], Step] = {
    Audio: Step.OUTPUT,
    OutputTranscript: Step.OUTPUT,
    Text: Step.OUTPUT,
    Thought: Step.OUTPUT,
    InlineData: Step.OUTPUT,
    FileData: Step.OUTPUT,
    ExecutableCode: Step.OUTPUT,
    CodeExecutionResult: Step.OUTPUT,
    GenerationComplete: Step.GENERATION_COMPLETE,
    Interrupted: Step.INTERRUPTED,
}


def step_of(event: Event) -> Step | None:
    """What an event means for the turn; `None` for most."""
    match event:
        case TurnComplete():
            return Step.MORE_TO_COME if event.more else Step.TURN_COMPLETE
        case InteractionStatus(status="IDLE"):
            return Step.TURN_COMPLETE
    return _STEPS.get(type(event))
