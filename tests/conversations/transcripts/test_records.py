import dataclasses
import uuid

import pytest

from conversations.states import ConversationState, Speaker, TurnState
from conversations.transcripts.records import Batch, EventRecord, TurnRecord

TURN = TurnRecord(
    epoch=3,
    first_seq=12,
    last_seq=15,
    speaker=Speaker.USER,
    state=TurnState.FINAL,
    text="Hello",
    ref="r1",
    start_ms=100,
    end_ms=200,
)


def test_a_turn_is_named_as_the_page_names_it() -> None:
    assert TURN.key == "3.12"


@pytest.mark.parametrize("record", [TURN, EventRecord(3, 16, "notice", 300, {})])
def test_records_do_not_change_on_their_way_to_a_thread(record: TurnRecord | EventRecord) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.epoch = 4  # type: ignore[misc]


def test_batches_share_nothing() -> None:
    first, second = (
        Batch(uuid.uuid4(), uuid.uuid4(), epoch=1, seq=0, state=ConversationState.LIVE)
        for _ in range(2)
    )
    first.turns.append(TURN)
    assert second.turns == []
