from conversations.link.core import LinkCore
from conversations.link.errors import LinkClosed
from conversations.link.events import (
    Accepted,
    Ended,
    Established,
    Event,
    Opened,
    Readable,
    Writable,
)
from tests.conversations.link.pair import CorePair


def test_the_life_of_a_connection_in_events() -> None:
    pair = CorePair()
    assert pair.pump() == [Established(), Established()]
    here = pair.web.open(b"info", 100)
    first, second = sorted(pair.pump(), key=lambda event: isinstance(event, Accepted))
    assert isinstance(first, Opened)
    there = first.flow
    assert second == Accepted(here)
    pair.worker.send(there, b"x" * 100)
    assert pair.pump() == [Readable(here)]
    pair.web.consumed(here, 100)
    assert pair.pump() == [Writable(there)]
    assert ends_with(pair.worker, pair.worker.close("draining"))


def ends_with(core: LinkCore, events: list[Event]) -> bool:
    assert isinstance(core.ended, LinkClosed)
    return events[-1] == Ended(core.ended)
