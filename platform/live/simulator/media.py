"""What kinds of sound and image the Live API takes."""

import re

from live.simulator.closes import invalid_argument
from live.simulator.fields import Fields

DEFAULT_RATE = 16000
_PCM = re.compile(r"audio/(?:pcm|l16)(?:\s*;\s*(?:rate=(\d+)|[\w-]+=[\w.-]+))*", re.IGNORECASE)
# The ears' window must hold whole samples: every rate in use is a multiple of 25.
_RATES = range(8000, 192001, 25)


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
