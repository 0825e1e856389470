import itertools

import pytest

from live.events import (
    Audio,
    Event,
    GenerationComplete,
    InputTranscript,
    InteractionStatus,
    Interrupted,
    OutputTranscript,
    Ready,
    Text,
    TurnComplete,
)
from live.session import TURNS, Step, Turn, step_of


def after(*events: Event) -> list[Turn]:
    """The turn after each event, from the beginning of a session."""
    turn, turns = Turn.IDLE, []
    for event in events:
        if (step := step_of(event)) is not None:
            turn = TURNS[turn, step]
        turns.append(turn)
    return turns


SOUND = Audio(b"", 24_000)


def test_every_pair_has_a_row() -> None:
    assert set(TURNS) == set(itertools.product(Turn, Step))


def test_a_usual_turn() -> None:
    assert after(SOUND, OutputTranscript("a"), GenerationComplete(), SOUND, TurnComplete()) == [
        Turn.GENERATING,
        Turn.GENERATING,
        Turn.PLAYING,
        Turn.PLAYING,
        Turn.IDLE,
    ]


@pytest.mark.parametrize(
    "events",
    [
        (SOUND, Interrupted(), TurnComplete()),
        (SOUND, GenerationComplete(), Interrupted(), TurnComplete()),
        (SOUND, Interrupted(), GenerationComplete(), TurnComplete()),
        (GenerationComplete(), TurnComplete()),  # a NON_BLOCKING call
        (TurnComplete(),),  # the model stays silent
        (SOUND, TurnComplete()),
        (SOUND, TurnComplete(more=True), SOUND, InteractionStatus("IDLE"), TurnComplete()),
    ],
)
def test_every_order_that_was_seen_ends_idle(events: tuple[Event, ...]) -> None:
    assert after(*events)[-1] is Turn.IDLE


def test_after_a_cut_the_model_is_not_at_it_until_it_speaks_again() -> None:
    assert after(SOUND, Interrupted(), SOUND)[1:] == [Turn.CUT, Turn.GENERATING]


def test_a_thinking_model_goes_on_by_itself() -> None:
    assert after(Text("a"), InteractionStatus("IN_PROGRESS"), TurnComplete(more=True)) == [
        Turn.GENERATING,
        Turn.GENERATING,
        Turn.BETWEEN,
    ]


@pytest.mark.parametrize("event", [Ready(), InputTranscript("a")])
def test_other_events_mean_nothing_to_the_turn(event: Event) -> None:
    assert step_of(event) is None
