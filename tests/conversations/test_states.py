import pytest

from conversations.states import (
    CONVERSATION_STEPS,
    TURN_STEPS,
    ConversationState,
    IllegalStep,
    TurnState,
    follow,
)


def test_every_state_has_its_row() -> None:
    assert set(CONVERSATION_STEPS) == set(ConversationState)
    assert set(TURN_STEPS) == set(TurnState)


def test_an_ended_conversation_stays_ended() -> None:
    for state in set(ConversationState) - {ConversationState.ENDED}:
        with pytest.raises(IllegalStep, match=f"ended to {state}"):
            follow(CONVERSATION_STEPS, ConversationState.ENDED, state)


def test_every_conversation_can_end_from_every_open_state() -> None:
    for state in set(ConversationState) - {ConversationState.ENDED}:
        ended = follow(CONVERSATION_STEPS, state, ConversationState.ENDED)
        assert ended == ConversationState.ENDED


def test_staying_put_is_allowed() -> None:
    for state in TurnState:
        assert follow(TURN_STEPS, state, state) == state


def test_a_finished_turn_is_never_partial_again() -> None:
    for state in set(TurnState) - {TurnState.PARTIAL}:
        with pytest.raises(IllegalStep):
            follow(TURN_STEPS, state, TurnState.PARTIAL)
