"""Turns: their names, their order, and how open ones are closed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations.models import Agent, Turn
from conversations.states import Speaker, TurnState
from tests.conversations.talks import make_conversation

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_turns_are_named_and_ordered_by_epoch_and_number(agent: Agent) -> None:
    row = make_conversation(agent, None)
    first = row.turns.first()
    assert first is not None
    Turn.objects.filter(pk=first.pk).update(epoch=2)
    assert [turn.key for turn in row.turns.all()] == ["1.3", "2.1"]
    assert first.started_at == row.started_at + timedelta(seconds=1)


def test_open_turns_are_closed_by_who_spoke(agent: Agent) -> None:
    row = make_conversation(agent, None)
    row.turns.update(state=TurnState.PARTIAL)
    row.turns.all().close_open_ones()
    states = dict(row.turns.values_list("speaker", "state"))
    assert states == {Speaker.USER: TurnState.FINAL, Speaker.AGENT: TurnState.INTERRUPTED}
