"""PCM16 audio as the Live API speaks it: signed 16-bit little-endian, mono, no header.

Google takes any rate and names 16 kHz as native for input; output is 24 kHz.
"""

from __future__ import annotations

import re

_RATE = re.compile(r"0*[1-9]\d{0,6}", re.ASCII)

INPUT_RATE = 16_000  # Hz
OUTPUT_RATE = 24_000  # Hz
SAMPLE_BYTES = 2


def duration_ms(size: int, rate: int) -> float:
    """How long `size` bytes sound at `rate` Hz, in milliseconds."""
    return size * 1000 / (rate * SAMPLE_BYTES)


def size_of(milliseconds: float, rate: int) -> int:
    """Bytes of that much sound at `rate` Hz: always whole samples, rounded down."""
    return int(rate * milliseconds / 1000) * SAMPLE_BYTES


def mime_type(rate: int) -> str:
    """The Live API's name of PCM16 at `rate` Hz."""
    return f"audio/pcm;rate={rate}"


def rate_of(mime: str, default: int = OUTPUT_RATE) -> int | None:
    """The rate in Hz that a MIME type names, or `None` when it is not PCM.

    Vertex AI leaves the rate out (`audio/pcm`): `default` holds then.
    """
    if mime in _USUAL:
        return _USUAL[mime]
    kind, *parameters = (piece.strip().lower() for piece in mime.split(";"))
    if kind != "audio/pcm":
        return None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "rate":
            return int(value) if _RATE.fullmatch(value) else None
    return default


# Every piece of audio names its type: the usual ones are not taken apart each time.
_USUAL = {mime_type(rate): rate for rate in (8_000, INPUT_RATE, OUTPUT_RATE, 48_000)}
