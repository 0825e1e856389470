"""What kinds of sound and image the Live API takes."""

import re
import struct

from live.simulator.closes import invalid_argument
from live.simulator.fields import Fields

DEFAULT_RATE = 16000
_PCM = re.compile(r"audio/(?:pcm|l16)(?:\s*;\s*(?:rate=(\d+)|[\w-]+=[\w.-]+))*", re.IGNORECASE)
# The ears' window must hold whole samples: every rate in use is a multiple of 25.
_RATES = range(8000, 192001, 25)
_PNG = b"\x89PNG\r\n\x1a\n"
# The markers of a JPEG's frame header (ITU T.81, table B.1); the rest of C0 to CF are tables.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def audio_rate(blob: Fields) -> int:
    """Return the sampling rate in Hz of a blob of PCM16. Raises Refusal for another kind."""
    match = _PCM.fullmatch(blob.get("mime_type", ""))
    rate = int(match[1] or DEFAULT_RATE) if match else 0
    if rate not in _RATES:
        raise invalid_argument()
    return rate


def check_image(blob: Fields) -> None:
    """Check that a blob is a JPEG or PNG image. Raises Refusal for another kind."""
    if blob.get("mime_type", "") not in ("image/jpeg", "image/png"):
        raise invalid_argument()


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of a JPEG or PNG; (0, 0) when it cannot be made out."""
    try:
        if data.startswith(_PNG):
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        return _jpeg_size(data) if data.startswith(b"\xff\xd8") else (0, 0)
    except struct.error:  # it is cut
        return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    while position < len(data):
        begin, marker, length = struct.unpack_from(">BBH", data, position)
        if begin != 0xFF or length < 2:
            break
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + length
    return 0, 0
