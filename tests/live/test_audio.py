import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.audio import duration_ms, mime_type, rate_of, size_of

rates = st.integers(8_000, 48_000)


def test_google_s_first_chunk_is_two_hundred_milliseconds() -> None:
    assert duration_ms(9_600, 24_000) == 200
    assert size_of(100, 16_000) == 3_200


@given(st.integers(0, 60_000), rates)
def test_size_is_whole_samples_and_never_longer_than_asked(milliseconds: int, rate: int) -> None:
    size = size_of(milliseconds, rate)
    assert size % 2 == 0
    assert milliseconds - 1000 / rate - 1e-6 <= duration_ms(size, rate) <= milliseconds + 1e-6


@given(rates)
def test_a_rate_survives_its_mime_type(rate: int) -> None:
    assert rate_of(mime_type(rate)) == rate


@pytest.mark.parametrize(
    ("mime", "rate"),
    [
        ("audio/pcm", 24_000),
        ("Audio/PCM; Rate=16000", 16_000),
        ("audio/pcm;channels=1;rate=8000", 8_000),
        ("audio/pcm;rate=0", None),
        ("audio/pcm;rate=fast", None),
        ("audio/pcm;rate=", None),
        ("audio/pcm;rate=" + "9" * 5_000, None),
        ("audio/mpeg", None),
        ("image/png", None),
        ("", None),
    ],
)
def test_what_other_mime_types_say(mime: str, rate: int | None) -> None:
    assert rate_of(mime) == rate
