import pytest

from accounts.tenancy import tenant_scope
from conversations.exports.reading import Entry, Place, Stage, conversations_after, entries
from conversations.exports.wanted import Wanted
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import talk_a_lot

pytestmark = pytest.mark.django_db


def read(
    clock: Clock, place: Place | None = None, *, events: bool = True, page: int = 3
) -> list[Entry]:
    rows = Wanted().rows(clock.now)
    return list(entries(rows, place, with_events=events, page=page))


def test_each_conversation_has_a_head_its_rows_and_an_end(cast: Cast, clock: Clock) -> None:
    talk_a_lot(cast.acme, 4, turns=5)
    with tenant_scope(cast.acme.tenant.pk):
        found = read(clock)
        short = read(clock, events=False)
    order = [
        (entry.conversation.pk, entry.stage, entry.place.epoch, entry.place.seq) for entry in found
    ]
    assert order == sorted(order)
    stages = [entry.stage for entry in found]
    counts = {stage: stages.count(stage) for stage in Stage}
    assert counts == {Stage.HEAD: 4, Stage.TURNS: 20, Stage.EVENTS: 2, Stage.END: 4}
    assert [entry.place for entry in short] == [
        entry.place for entry in found if entry.stage is not Stage.EVENTS
    ]
    assert {entry.row["text"] for entry in found if entry.stage is Stage.TURNS} >= {
        "Word 0.0, ça va 👍",
        "Word 3.4, ça va 👍",
    }


def test_from_any_place_on_the_rest_comes(cast: Cast, clock: Clock) -> None:
    talk_a_lot(cast.acme, 4, turns=3)
    with tenant_scope(cast.acme.tenant.pk):
        whole = [entry.place for entry in read(clock)]
        for number, place in enumerate(whole):
            again = Place.from_json(place.as_json())
            for page in (1, 100):
                rest = [entry.place for entry in read(clock, again, page=page)]
                assert rest == whole[number + 1 :]


def test_conversations_come_a_few_at_a_time(cast: Cast, clock: Clock) -> None:
    talk_a_lot(cast.acme, 5, turns=1)
    with tenant_scope(cast.acme.tenant.pk):
        rows = Wanted().rows(clock.now)
        assert [len(batch) for batch in conversations_after(rows, None)] == [5]
        assert [len(batch) for batch in conversations_after(rows, None, page=2)] == [2, 2, 1]


def test_much_is_read_as_little_is(cast: Cast, clock: Clock) -> None:
    """Together while they fit into a page, and else each by itself: nothing else comes out."""
    talk_a_lot(cast.acme, 7, turns=6)
    with tenant_scope(cast.acme.tenant.pk):
        whole = [entry.place for entry in read(clock, page=1000)]
        for page in (1, 2, 6, 7, 41, 42, 43):
            assert [entry.place for entry in read(clock, page=page)] == whole
