"""The binary frames: what a client may send, and what it is told of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import frames as f

JPEG = b"\xff\xd8\xff\xe0" + bytes(40) + b"\xff\xd9"


def sound(pcm: bytes = bytes(640), *, kind: int = f.AUDIO, rate: int = 160) -> bytes:
    return f.HEADER.pack(kind, 0, rate, 0) + pcm


def test_frames_that_are_taken() -> None:
    for frame in (sound(), sound(b""), sound(bytes(f.FRAME_BYTES - f.HEADER.size))):
        f.check_input_frame(frame)
    largest = JPEG[:-2] + bytes(f.PICTURE_BYTES - f.HEADER.size - len(JPEG)) + JPEG[-2:]
    for jpeg in (JPEG, largest):
        f.check_input_frame(f.picture_frame(7, jpeg))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "bad-frame"),
        (b"\x02", "bad-frame"),
        (sound(kind=3), "bad-frame"),
        (sound(kind=ord("{")), "bad-frame"),
        (sound(b"\0"), "bad-frame"),
        (sound(rate=240), "bad-audio-rate"),
        (sound(bytes(f.FRAME_BYTES)), "frame-too-big"),
        (f.picture_frame(0, b""), "bad-picture"),
        (f.picture_frame(0, b"\x89PNG\r\n\x1a\n" + bytes(40)), "bad-picture"),
        (f.picture_frame(0, JPEG[:-1]), "bad-picture"),
        (f.picture_frame(0, bytes(f.PICTURE_BYTES)), "picture-too-big"),
    ],
)
def test_what_is_refused_and_why(frame: bytes, code: str) -> None:
    with pytest.raises(f.BadFrame) as refused:
        f.check_input_frame(frame)
    assert refused.value.code == code
    assert refused.value.fix.endswith(".")


@given(st.binary(max_size=100))
def test_nothing_but_a_bad_frame_is_raised(frame: bytes) -> None:
    try:
        f.check_input_frame(frame)
    except f.BadFrame as error:
        assert error.code in {"bad-frame", "bad-audio-rate", "bad-picture"}  # noqa: PT017 - either


def test_headers_count_round() -> None:
    assert f.HEADER.unpack_from(f.audio_frame(258, 2**32 + 1, b"")) == (f.AUDIO, 2, 240, 1)
    assert f.HEADER.unpack_from(f.picture_frame(2**32, b"")) == (f.PICTURE, 0, 0, 0)
