"""Sound as it is stored: FLAC, which loses nothing and halves it.

The library behind it lets others run while it works. It is loaded when it is first needed: that
takes 0.2 s, and most processes never need it.
"""

from __future__ import annotations

import io
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


class BadSound(Exception):
    """A file is no sound that can be played."""


@cache
def library() -> Any:
    return import_module("soundfile")


def to_flac(pcm: bytes, rate: int) -> bytes:
    """PCM16 mono as a whole FLAC file."""
    file = io.BytesIO()
    samples = np.frombuffer(pcm, np.int16)
    library().write(file, samples, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def from_flac(data: bytes) -> Samples:
    """The samples of a FLAC file, mono. Raises BadSound."""
    try:
        samples, _ = library().read(io.BytesIO(data), dtype="int16")
    except library().SoundFileError:
        raise BadSound("This is no FLAC file.") from None
    found: Samples = samples
    return found
