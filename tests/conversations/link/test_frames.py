import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.link import frames
from conversations.link.errors import LinkProtocolError


@pytest.mark.parametrize(
    ("kind", "flags", "size", "stream_id"),
    [
        (frames.OPEN, 0, 4, 1),
        (frames.OPEN, 0, 4 + frames.MAX_INFO, frames.MAX_STREAM_ID),
        (frames.ACCEPT, 0, 4, 1),
        (frames.DATA, 0, 1, 1),
        (frames.DATA, frames.MORE, frames.PIECE, 1),
        (frames.CREDIT, 0, 4, 1),
        (frames.CLOSE, 0, 0, 0),
        (frames.CLOSE, 0, frames.MAX_REASON, 9),
        (frames.PING, 0, 0, 0),
        (frames.PONG, 0, 0, 0),
    ],
)
def test_headers_that_may_be(kind: int, flags: int, size: int, stream_id: int) -> None:
    frames.check_header(kind, flags, size, stream_id)
    assert frames.HEADER.unpack(frames.HEADER.pack(kind, flags, size, stream_id))[2] == size


@pytest.mark.parametrize(
    ("kind", "flags", "size", "stream_id"),
    [
        (0, 0, 0, 0),
        (8, 0, 0, 0),
        (frames.OPEN, 0, 3, 1),
        (frames.OPEN, 0, 5 + frames.MAX_INFO, 1),
        (frames.OPEN, 0, 4, 0),
        (frames.OPEN, 1, 4, 1),
        (frames.DATA, 0, 0, 1),
        (frames.DATA, 0, frames.PIECE + 1, 1),
        (frames.DATA, 0, 1, 0),
        (frames.DATA, frames.MORE, frames.PIECE - 1, 1),
        (frames.DATA, 2, frames.PIECE, 1),
        (frames.CREDIT, 0, 5, 1),
        (frames.CLOSE, 0, frames.MAX_REASON + 1, 1),
        (frames.PING, 0, 0, 1),
        (frames.PONG, 0, 1, 0),
    ],
)
def test_headers_that_may_not(kind: int, flags: int, size: int, stream_id: int) -> None:
    with pytest.raises(LinkProtocolError):
        frames.check_header(kind, flags, size, stream_id)


def test_frame_layout() -> None:
    assert frames.encode_frame(frames.CLOSE, 258, b"bye") == b"\x05\x00\x00\x03\x00\x00\x01\x02bye"
    assert frames.encode_number(frames.CREDIT, 1, 9) == b"\4\0\0\4\0\0\0\1\0\0\0\x09"


@given(st.text(max_size=400))
def test_a_reason_fits_and_stays_text(reason: str) -> None:
    encoded = frames.encode_reason(reason)
    assert len(encoded) <= frames.MAX_REASON
    decoded = frames.decode_reason(encoded)
    clean = reason.encode("utf-8", "replace").decode()
    assert clean.startswith(decoded)
    assert decoded == clean or len(encoded) > frames.MAX_REASON - 4


def test_numbers_have_bounds() -> None:
    assert frames.decode_number(b"\0\0\0\7rest", 7) == 7
    with pytest.raises(LinkProtocolError):
        frames.decode_number(b"\0\0\0\0", 7)
    with pytest.raises(LinkProtocolError):
        frames.decode_number(b"\0\0\0\x08", 7)
    with pytest.raises(LinkProtocolError):
        frames.decode_reason(b"\xff")
