import pytest

from live.simulator.closes import Refusal
from live.simulator.media import audio_rate, check_image, picture_size


@pytest.mark.parametrize(
    ("mime_type", "rate"),
    [
        ("audio/pcm;rate=16000", 16000),
        ("audio/pcm; rate=48000", 48000),
        ("audio/PCM;rate=24000", 24000),
        ("audio/pcm", 16000),
        ("audio/l16;rate=44100;channels=1", 44100),
    ],
)
def test_pcm_of_any_usual_rate(mime_type: str, rate: int) -> None:
    assert audio_rate({"mime_type": mime_type}) == rate


@pytest.mark.parametrize(
    "mime_type",
    ["", "audio/wav", "audio/pcm;rate=", "audio/pcm;rate=0", "audio/pcm;rate=10", "audio/opus"],
)
def test_other_sound_is_refused(mime_type: str) -> None:
    with pytest.raises(Refusal) as caught:
        audio_rate({"mime_type": mime_type})
    assert caught.value.code == 1007


def test_images_are_jpeg_or_png() -> None:
    check_image({"mime_type": "image/jpeg"})
    check_image({"mime_type": "image/png"})
    with pytest.raises(Refusal) as caught:
        check_image({"mime_type": "image/gif"})
    assert caught.value.code == 1007


def jpeg(width: int, height: int) -> bytes:
    """The beginning of a JPEG, as far as its size: a JFIF header, a table, a frame header."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    table = b"\xff\xc4\x00\x05abc"
    return b"\xff\xd8\xff\xe0\x00\x04ab" + table + b"\xff\xc0\x00\x0b\x08" + size + bytes(4)


def png(width: int, height: int) -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR"
    return head + width.to_bytes(4, "big") + height.to_bytes(4, "big")


def test_the_size_of_a_picture() -> None:
    assert picture_size(jpeg(768, 432)) == (768, 432)
    assert picture_size(png(16, 9)) == (16, 9)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\xff\xd8", jpeg(768, 432)[:-9], png(1, 1)[:-5], b"\xff\xd8\xff\xe0\0\0ab"],
)
def test_a_picture_that_is_none_has_no_size(data: bytes) -> None:
    assert picture_size(data) == (0, 0)
