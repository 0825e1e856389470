"""The checker sees each kind of violation, and nothing in a conversation that went well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from conversations import protocol as p
from conversations.states import ConversationState, Speaker, TurnState
from tests.chaos.checker import violations
from tests.chaos.records import Asked, Attached, Record, Shown, StoredTurn


def turn(key: str, speaker: Speaker, text: str, **fields: Any) -> p.TurnPicture:
    about = {"state": TurnState.FINAL, "saved": True, "ms": 0, **fields}
    return p.TurnPicture(turn=key, speaker=speaker, text=text, **about)


def picture(*turns: p.TurnPicture, **fields: Any) -> p.Picture:
    return p.Picture(turns=list(turns), **{"state": ConversationState.LIVE, **fields})


def at(epoch: int, seq: int) -> dict[str, Any]:
    return {"epoch": epoch, "seq": seq, "ms": seq}


QUESTION = turn("1.1", Speaker.USER, "Say q1", ref="r1", ms=1)
ANSWER = turn("1.4", Speaker.AGENT, "q1", ms=4)
# A question and its answer, a cut, and another worker that goes on.
SHOWN: list[Shown] = [
    Attached(0, 0),
    p.Snapshot(epoch=1, seq=0, state=picture()),
    p.TurnStarted(**at(1, 1), turn="1.1", speaker=Speaker.USER, ref="r1"),
    p.TurnText(**at(1, 2), turn="1.1", text="Say q1"),
    p.TurnEnded(**at(1, 3), turn="1.1", state=TurnState.FINAL),
    p.TurnStarted(**at(1, 4), turn="1.4", speaker=Speaker.AGENT),
    p.TurnText(**at(1, 5), turn="1.4", text="q1"),
    p.TurnSaved(**at(1, 6), turn="1.1"),
    Attached(1, 6),
    p.Resumed(epoch=1, seq=6),
    p.TurnEnded(**at(1, 7), turn="1.4", state=TurnState.FINAL),
    p.TurnSaved(**at(1, 8), turn="1.4"),
    Attached(1, 8),
    p.Snapshot(epoch=2, seq=0, state=picture(QUESTION, ANSWER)),
    p.TurnStarted(**at(2, 1), turn="2.1", speaker=Speaker.USER, ref="r2"),
    p.TurnText(**at(2, 2), turn="2.1", text="Say q2"),
]
STORED = [
    StoredTurn("1.1", Speaker.USER, TurnState.FINAL, "Say q1", "r1"),
    StoredTurn("1.4", Speaker.AGENT, TurnState.FINAL, "q1"),
    StoredTurn("2.1", Speaker.USER, TurnState.FINAL, "Say q2", "r2"),
    StoredTurn("2.4", Speaker.AGENT, TurnState.FINAL, "q2"),
]
WELL = Record(
    name="c1",
    asked=[Asked("q1", "r1"), Asked("q2", "r2"), Asked("q3")],
    shown=SHOWN,
    stored=STORED,
    received=["Say q1", "Say q2"],
    last=picture(QUESTION, ANSWER),
)


def without(place: int) -> list[Shown]:
    return [*SHOWN[:place], *SHOWN[place + 1 :]]


def instead(place: int, *shown: Shown) -> list[Shown]:
    return [*SHOWN[:place], *shown, *SHOWN[place + 1 :]]


def later(*shown: Shown) -> list[Shown]:
    return [*SHOWN, *shown]


def stored_without(key: str) -> list[StoredTurn]:
    return [each for each in STORED if each.key != key]


def stored_as(key: str, **fields: Any) -> list[StoredTurn]:
    return [replace(each, **fields) if each.key == key else each for each in STORED]


def test_a_run_that_went_well() -> None:
    assert violations(WELL) == []


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (without(4), "event 1.4 came after 1.2"),
        (instead(4, SHOWN[4], SHOWN[4]), "event 1.3 came after 1.3"),
        ([*SHOWN[:4], SHOWN[5], SHOWN[4], *SHOWN[6:]], "event 1.3 came after 1.4"),
        (instead(9, p.Resumed(epoch=1, seq=5)), "resumed at 1.5, the page was at 1.6"),
        (later(p.Notice(**at(1, 9), code="x", text="")), "epoch 1 spoke after epoch 2"),
        (without(13), "epoch 2 began without a snapshot"),
        (later(p.Snapshot(epoch=2, seq=1, state=picture(QUESTION, ANSWER))), "after 2.2 was shown"),
    ],
    ids="gap twice swapped resumed old-host no-snapshot back".split(),
)
def test_what_the_page_was_shown(shown: Sequence[Shown], said: str) -> None:
    assert_says(replace(WELL, shown=shown), said)


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (p.Snapshot(epoch=1, seq=8, state=picture(QUESTION)), "turn 1.4 was shown as saved and is"),
        (
            p.Snapshot(epoch=1, seq=8, state=picture(QUESTION, turn("1.4", Speaker.AGENT, "q"))),
            "the snapshot at 1.8 shows turn 1.4 otherwise",
        ),
        (
            p.Snapshot(
                epoch=1,
                seq=8,
                state=picture(QUESTION, ANSWER, state=ConversationState.ROTATING),
            ),
            "the snapshot at 1.8 is rotating, its events came to live",
        ),
        (
            p.Snapshot(epoch=2, seq=0, state=picture(QUESTION, turn("1.4", Speaker.AGENT, "q"))),
            "turn 1.4 was shown as saved and reads otherwise",
        ),
    ],
    ids="lost otherwise state words".split(),
)
def test_snapshots_are_what_their_events_come_to(snapshot: p.Snapshot, said: str) -> None:
    assert_says(replace(WELL, shown=[*SHOWN[:13], snapshot]), said)


def test_a_snapshot_may_leave_the_oldest_out() -> None:
    trimmed = p.Snapshot(epoch=1, seq=8, state=picture(ANSWER, earlier=True))
    assert violations(replace(WELL, shown=[*SHOWN[:13], trimmed])) == []


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (stored_without("1.4"), "turn 1.4 was shown as saved and is not stored"),
        (stored_as("1.4", text="q1 …"), "turn 1.4 was shown as saved and is stored with other"),
        (stored_as("1.4", state=TurnState.PARTIAL), "saved and is stored as unfinished"),
        (stored_without("2.1"), "text r2 is 0 times in the transcript"),
        (stored_as("2.1", ref="r1"), "text r1 is 2 times in the transcript"),
        (stored_as("2.4", text="q1 again"), "q1 was answered in the turns 1.4 and 2.4"),
        (
            [*stored_as("1.4", text="q2")[:-1], replace(STORED[3], text="q1")],
            "the answers are not in the order of the questions",
        ),
        ([STORED[2], *STORED[:2]], "the user's texts are not in the order"),
    ],
    ids="lost words unfinished text twice answered-twice answers-swapped texts-swapped".split(),
)
def test_what_is_stored(stored: Sequence[StoredTurn], said: str) -> None:
    assert_says(replace(WELL, stored=stored), said)


def test_the_end_is_what_is_stored() -> None:
    shown = picture(QUESTION, turn("1.4", Speaker.AGENT, "q1", saved=False), turn("1.9", *HALF))
    assert_says(replace(WELL, last=shown), "turn 1.9 is shown in the end and not stored")


def test_a_text_that_went_with_its_worker_may_come_later() -> None:
    """It was never shown as saved; its page says it again, after what came meanwhile."""
    swapped = [STORED[2], STORED[3], *STORED[:2]]
    record = replace(WELL, shown=[], stored=swapped, last=None, received=["Say q2", "Say q1"])
    assert violations(record) != []
    assert violations(replace(record, again={"r1"})) == []


HALF = (Speaker.AGENT, "ha")


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (["Say q1"], "q2 never reached the model"),
        (["Say q2", "Say q1"], "the model got the user's texts in another order"),
    ],
    ids="never swapped".split(),
)
def test_what_the_model_received(received: Sequence[str], said: str) -> None:
    assert_says(replace(WELL, received=received), said)


def test_a_model_that_was_told_the_history_knows() -> None:
    assert violations(replace(WELL, received=["Say q2"], told=["Say q1"])) == []


def assert_says(record: Record, said: str) -> None:
    found = violations(record)
    assert any(said in wrong for wrong in found), found
    assert all(wrong.startswith("c1: ") for wrong in found)
