"""Which chunks were sent, when, and what came back. Pure: the time is passed in.

Each chunk carries a tag of eight bytes in its first samples, (session, counter), so that
losses, repetitions and order are exact and not guessed from counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TAG = struct.Struct("<II")


class Track:
    """The chunks of one session. Times in seconds, of any clock that only goes forward."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.sent_at: list[float] = []
        self.answered_at: list[float | None] = []
        self.disordered = 0
        self.repeated = 0
        self.foreign = 0
        self._newest = -1

    def next_tag(self) -> bytes:
        """Return the tag of the chunk that `sent` will note."""
        return TAG.pack(self.session, len(self.sent_at))

    def sent(self, now: float) -> None:
        self.sent_at.append(now)
        self.answered_at.append(None)

    def answered(self, tag: bytes, now: float) -> None:
        session, counter = TAG.unpack(tag)
        if session != self.session or counter >= len(self.sent_at):
            self.foreign += 1
        elif self.answered_at[counter] is not None:
            self.repeated += 1
        else:
            self.answered_at[counter] = now
            self.disordered += counter < self._newest
            self._newest = max(self._newest, counter)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was sent has come back."""
        return None not in self.answered_at


@dataclass(frozen=True)
class Counted:
    """What became of the chunks that were sent within the window, over all sessions."""

    latencies_ms: Sequence[float]
    sent: int
    lost: int
    # Of the whole run, not only of the window: these must never happen.
    disordered: int
    repeated: int
    foreign: int


def count(tracks: Iterable[Track], opened: float, closed: float) -> Counted:
    """Count the chunks sent from `opened` until before `closed`."""
    tracks = list(tracks)
    within = [
        (sent, answered)
        for track in tracks
        for sent, answered in zip(track.sent_at, track.answered_at, strict=True)
        if opened <= sent < closed
    ]
    latencies = [(answered - sent) * 1000 for sent, answered in within if answered is not None]
    return Counted(
        latencies_ms=latencies,
        sent=len(within),
        lost=len(within) - len(latencies),
        disordered=sum(track.disordered for track in tracks),
        repeated=sum(track.repeated for track in tracks),
        foreign=sum(track.foreign for track in tracks),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of `values` do not exceed.

    Nearest rank: always a value that was measured. NaN when there is none.
    """
    if not values:
        return float("nan")
    rank = -int(-share * len(values) // 1)  # rounded up
    return sorted(values)[max(rank, 1) - 1]
