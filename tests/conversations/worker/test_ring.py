from hypothesis import given
from hypothesis import strategies as st

from conversations.worker.ring import EventRing


def test_an_empty_ring_holds_everything_after_nothing() -> None:
    ring = EventRing()
    assert ring.last == 0
    assert ring.holds_after(0)
    assert not ring.holds_after(1)


def test_events_are_found_by_their_seq() -> None:
    ring = EventRing()
    for event in (b"a", b"b", b"c"):
        ring.append(event)
    assert ring.get(2) == b"b"
    assert list(ring.after(1)) == [b"b", b"c"]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=60), st.integers(40, 200))
def test_the_bound_holds_and_what_is_kept_is_the_newest(events: list[bytes], bound: int) -> None:
    ring = EventRing(bound)
    for event in events:
        ring.append(event)
        assert ring.bytes <= bound
    assert ring.last == len(events)
    oldest = next(seq for seq in range(len(events) + 1) if ring.holds_after(seq))
    assert list(ring.after(oldest)) == events[oldest:]
