from hypothesis import given
from hypothesis import strategies as st

from conversations.held import HeldAudio


@given(st.lists(st.binary(min_size=1, max_size=30)), st.integers(30, 100))
def test_the_newest_within_the_bound_are_held_in_order(pieces: list[bytes], bound: int) -> None:
    held = HeldAudio(bound)
    for piece in pieces:
        held.put(piece)
        assert held.bytes <= bound
    kept = list(held.take())
    assert kept == pieces[len(pieces) - len(kept) :]
    dropped = pieces[: len(pieces) - len(kept)]
    assert not dropped or sum(map(len, kept)) + len(dropped[-1]) > bound


def test_what_was_taken_is_held_no_longer() -> None:
    held = HeldAudio(10)
    held.put(b"abc")
    assert list(held.take()) == [b"abc"]
    assert held.bytes == 0
    assert list(held.take()) == []
