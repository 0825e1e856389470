"""One side's sound on the conversation's clock. Pure: the time is passed in, in ms since it began.

Sound is PCM16 mono. Where there is none it is quiet, and nothing is held for that.
"""

from __future__ import annotations

import array
from typing import Final

# Pieces that come within this time belong together: a network delivers in bursts.
GROUP_MS: Final = 100
# What is nearer than this to what came before goes on from there: a clock is never exact.
JITTER_MS: Final = 40
# Below this peak, of 32,767, nobody has said anything.
QUIET_PEAK: Final = 300


class Track:
    """What is not taken yet of one side. At most `ahead_ms` of it lie in the future; what is more
    is lost, and counted."""

    def __init__(self, rate: int, start_ms: int, *, ahead_ms: int) -> None:
        self.rate = rate
        self._ahead = self.samples(ahead_ms)
        self._start = self.samples(start_ms)
        self._pcm = bytearray()
        self._lost = 0

    def samples(self, ms: int) -> int:
        return ms * self.rate // 1000

    @property
    def end(self) -> int:
        """Where the sound ends, in samples since the conversation began."""
        return self._start + len(self._pcm) // 2

    @property
    def end_ms(self) -> int:
        return -(-self.end * 1000 // self.rate)

    def put(self, start: int, pcm: bytes, now_ms: int) -> None:
        """Let `pcm` be heard from sample `start` on, or after what is there."""
        self._pcm += bytes(2 * max(0, start - self.end))
        room = 2 * max(0, self.samples(now_ms) + self._ahead - self.end)
        self._pcm += pcm[:room]
        self._lost += max(0, len(pcm) - room) // 2

    def cut(self, ms: int) -> None:
        """What was to be heard after this is not heard."""
        del self._pcm[2 * max(0, self.samples(ms) - self._start) :]

    def take(self, until_ms: int) -> tuple[bytes, int]:
        """Return the sound up to a time, and how many ms of it were lost. Empty if all is quiet."""
        count = self.samples(until_ms) - self._start
        pcm = bytes(self._pcm[: 2 * count])
        del self._pcm[: 2 * count]
        self._start += count
        lost, self._lost = self._lost, 0
        is_silent = pcm.count(0) == len(pcm)
        padded = b"" if is_silent else pcm + bytes(2 * count - len(pcm))
        return padded, lost * 1000 // self.rate


class PlayedVoice:
    """The agent's side. It comes faster than it is heard: an answer is heard from its first piece
    on at its own pace, and what an interruption cuts off is not."""

    def __init__(self, track: Track) -> None:
        self.track = track

    def play(self, pcm: bytes, ms: int) -> None:
        start, end = self.track.samples(ms), self.track.end
        is_next = start - end <= self.track.samples(JITTER_MS)
        self.track.put(end if is_next else start, whole(pcm), ms)


class HeardVoice:
    """The user's side. A piece ends when it arrives.

    What was held back by a bad connection comes at once: it is put before its arrival, where it
    was said, as far as there is room. A program that speaks faster than anybody can runs ahead of
    the clock; what is quiet is left out until the clock has caught up.
    """

    def __init__(self, track: Track) -> None:
        self.track = track
        self._group = bytearray()
        self._first_ms = self._last_ms = 0

    def hear(self, pcm: bytes, ms: int) -> None:
        self.settle(ms)
        if not self._group:
            self._first_ms = ms
        self._group += whole(pcm)
        self._last_ms = ms
        if len(self._group) > 2 * self.track.samples(1000):
            self.settle_now()

    def settle(self, ms: int) -> None:
        """Give a group its place once it is complete."""
        if self._group and ms - self._first_ms >= GROUP_MS:
            self.settle_now()

    def settle_now(self) -> None:
        pcm, self._group = bytes(self._group), bytearray()
        if not pcm:
            return
        track, jitter = self.track, self.track.samples(JITTER_MS)
        start, end = track.samples(self._last_ms) - len(pcm) // 2, track.end
        if end - start > jitter and is_quiet(pcm):
            return
        track.put(start if start - end > jitter else end, pcm, self._last_ms)


def whole(pcm: bytes) -> bytes:
    """Without half a sample at the end."""
    return pcm[: len(pcm) & ~1]


def is_quiet(pcm: bytes) -> bool:
    samples = array.array("h", pcm)
    return max(samples) < QUIET_PEAK and min(samples) > -QUIET_PEAK
