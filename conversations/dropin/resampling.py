"""PCM16 of any rate at ours. Pure.

Each sample of ours is the mean of the input over the time it stands for. That is a low pass wide
enough for speech, and needs nothing of the future: no sound is held back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Resampler:
    """Takes pieces of one stream, in order. A new rate begins a new stream."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._from = 0
        self._left: NDArray[np.float64] = np.zeros(0)
        self._offset = 0.0

    def take(self, pcm: bytes, rate: int) -> bytes:
        """A piece of sound, little-endian PCM16 mono at `rate` Hz, as far as it goes at ours."""
        if rate == self._rate:
            return pcm
        if rate != self._from:
            self._from, self._left, self._offset = rate, np.zeros(0), 0.0
        samples = np.concatenate([self._left, np.frombuffer(pcm, dtype="<i2").astype(np.float64)])
        step = rate / self._rate
        count = int((len(samples) - self._offset) / step)
        if count < 1:
            self._left = samples
            return b""
        sums = np.concatenate([[0.0], np.cumsum(samples)])
        edges = self._offset + step * np.arange(count + 1)
        means = np.diff(np.interp(edges, np.arange(len(sums)), sums)) / step
        used = int(edges[-1])
        self._left, self._offset = samples[used:], float(edges[-1]) - used
        rounded: NDArray[np.int16] = np.clip(np.rint(means), -32768, 32767).astype("<i2")
        return rounded.tobytes()
