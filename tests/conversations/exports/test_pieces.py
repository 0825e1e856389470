import gzip

from hypothesis import given
from hypothesis import strategies as st

from conversations.exports.pieces import DONE, Piece, parts

PIECES = st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=40)


def as_pieces(made: list[tuple[bytes, bool]]) -> list[Piece]:
    """Each may be cut after, or not; the last one ends the file."""
    found = [
        Piece(data, [number] if may_cut else None, 1, 2)
        for number, (data, may_cut) in enumerate(made)
    ]
    return [*found, Piece(b"end", DONE)]


@given(PIECES, st.integers(1, 200), st.booleans())
def test_the_parts_are_the_whole(made: list[tuple[bytes, bool]], limit: int, packs: bool) -> None:
    pieces = as_pieces(made)
    found = list(parts(pieces, limit, packs=packs))
    whole = b"".join(part.data for part in found)
    assert (gzip.decompress(whole) if packs else whole) == b"".join(p.data for p in pieces)
    assert [part.position for part in found if part.position is None] == []
    assert found[-1].position == DONE
    assert sum(part.conversations for part in found) == len(made)
    assert sum(part.turns for part in found) == 2 * len(made)


@given(PIECES, st.integers(1, 200))
def test_what_comes_after_a_part_is_the_rest(made: list[tuple[bytes, bool]], limit: int) -> None:
    """Whoever goes on from a part's position writes what is missing, and nothing twice."""
    pieces = as_pieces(made)
    written = b""
    for part in parts(pieces, limit, packs=False):
        written += part.data
        done = len(pieces) if part.position == DONE else part.position[0] + 1
        assert written == b"".join(piece.data for piece in pieces[:done])


def test_a_part_is_as_small_as_it_may_be() -> None:
    pieces = [*(Piece(bytes(10), [number]) for number in range(9)), Piece(b"", DONE)]
    sizes = [len(part.data) for part in parts(pieces, 30, packs=False)]
    assert sizes == [30, 30, 30, 0]


def test_parts_are_the_same_each_time() -> None:
    pieces = as_pieces([(b"word " * 9, True)] * 9)
    first, second = (list(parts(pieces, 100, packs=True)) for _ in range(2))
    assert [part.sha256 for part in first] == [part.sha256 for part in second]
