"""What is stored comes back as the picture that a page shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.models import Agent, Conversation, Turn
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState
from conversations.transcripts.picture import LAST_TURNS, load_picture
from tests.cast import Cast
from tests.conversations.talks import add_turn, make_agent, make_conversation


@pytest.fixture
def agent(cast: Cast) -> Iterator[Agent]:
    with tenant_scope(cast.acme.tenant.id):
        yield make_agent(cast.acme.tenant)


def test_an_ended_conversation_is_shown_with_its_end(agent: Agent) -> None:
    row = make_conversation(agent, None, words=("Hello", "Good morning"))
    row.turns.filter(first_seq=1).update(ref="r1")
    picture = load_picture(row)
    assert (picture.state, picture.ended) == (ConversationState.ENDED, EndReason.USER_LEFT)
    assert (picture.agent, picture.earlier) == (AgentState.WAITING, False)
    assert picture.turns == [
        p.TurnPicture(
            turn="1.1",
            speaker=Speaker.USER,
            state=TurnState.FINAL,
            text="Hello",
            saved=True,
            ms=1000,
            ref="r1",
        ),
        p.TurnPicture(
            turn="1.3",
            speaker=Speaker.AGENT,
            state=TurnState.FINAL,
            text="Good morning",
            saved=True,
            ms=3000,
        ),
    ]


def test_a_partial_turn_is_not_saved(agent: Agent) -> None:
    row = make_conversation(agent, None, words=(), state=ConversationState.LIVE, end_reason="")
    add_turn(row, 5, "The price is", Speaker.AGENT, TurnState.PARTIAL)
    picture = load_picture(row)
    assert [(turn.state, turn.saved) for turn in picture.turns] == [(TurnState.PARTIAL, False)]
    assert picture.ended is None


def test_turns_of_several_epochs_stay_in_order(agent: Agent) -> None:
    row = make_conversation(agent, None, words=("one", "two", "three"))
    row.turns.filter(first_seq=1).update(epoch=2)
    assert [turn.turn for turn in load_picture(row).turns] == ["1.3", "1.5", "2.1"]


def fill(row: Conversation, count: int, text: str) -> None:
    turns = (
        Turn(
            tenant_id=row.tenant_id,
            conversation=row,
            epoch=1,
            first_seq=number + 1,
            last_seq=number + 1,
            speaker=Speaker.USER,
            state=TurnState.FINAL,
            text=text,
            start_ms=number,
        )
        for number in range(count)
    )
    Turn.objects.bulk_create(turns)


@pytest.mark.parametrize(("stored", "earlier"), [(LAST_TURNS, False), (LAST_TURNS + 1, True)])
def test_the_last_turns_are_shown_and_earlier_ones_told(
    agent: Agent, stored: int, earlier: bool
) -> None:
    row = make_conversation(agent, None, words=())
    fill(row, stored, "Hm.")
    picture = load_picture(row)
    numbers = [int(turn.turn.partition(".")[2]) for turn in picture.turns]
    assert numbers == list(range(stored - LAST_TURNS + 1, stored + 1))
    assert picture.earlier == earlier


def test_it_fits_into_a_snapshot(agent: Agent) -> None:
    row = make_conversation(agent, None, words=())
    fill(row, 20, "€" * 8_000)
    picture = load_picture(row)
    assert picture.earlier
    assert sum(len(turn.text.encode()) for turn in picture.turns) <= p.SNAPSHOT_BYTES
    keys = [int(turn.turn.partition(".")[2]) for turn in picture.turns]
    assert keys[-1] == 20
    assert all(second == first + 1 for first, second in itertools.pairwise(keys))
