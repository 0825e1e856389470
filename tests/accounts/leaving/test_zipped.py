import io
import secrets
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from accounts.leaving.zipped import zipped

AT = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
PIECE = 10_000


def test_what_goes_in_comes_out() -> None:
    data = {"a.txt": b"words " * 1000, "empty": b"", "b/c.bin": secrets.token_bytes(3000)}
    file = b"".join(zipped(((name, [value]) for name, value in data.items()), AT))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == data
        assert archive.infolist()[0].date_time == (2026, 11, 23, 2, 30, 0)


def test_each_piece_leaves_before_the_next_one_is_asked_for() -> None:
    """Whatever its length, no more of a member is held than one piece and what the compressor
    keeps back; so an archive takes the same memory at any size."""
    pieces = 300
    asked_for = 0
    held: list[int] = []

    def content() -> Iterator[bytes]:
        nonlocal asked_for
        for _ in range(pieces):
            held.append(asked_for * PIECE - given)
            asked_for += 1
            yield secrets.token_bytes(PIECE)  # nothing a compressor could make less of

    given = 0
    for piece in zipped([("member", content())], AT):
        assert len(piece) <= 5 * PIECE
        given += len(piece)
    assert asked_for == pieces
    assert given > pieces * PIECE
    assert max(held) <= 8 * PIECE
