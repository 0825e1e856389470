import pytest

from live.simulator.closes import Refusal
from live.simulator.media import audio_rate, check_image


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
