"""Cuts what both sides of a conversation say into segments. Pure: the time is passed in.

Both sides are cut at the same times, so segment n of one begins with segment n of the other. A
segment in which a side is quiet is not made. Times are ms since the conversation began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from conversations.frames import INPUT_RATE_HZ, OUTPUT_RATE_HZ
from conversations.recordings.track import GROUP_MS, HeardVoice, PlayedVoice, Track
from conversations.states import Speaker

# With what waits for its place, for the next look and for the storage it stays below 5 s, which
# is all that the death of a worker may cost.
SEGMENT_MS: Final = 4_000
SETTLE_MS: Final = GROUP_MS + 50
# How far a side may be ahead of the clock: 0.96 MB and 4.3 MB. An answer comes much faster than
# it is heard; a person does not.
USER_AHEAD_MS: Final = 30_000
AGENT_AHEAD_MS: Final = 90_000


@dataclass(frozen=True, slots=True)
class Segment:
    """`pcm` is PCM16 mono of `rate`, `length_ms` long, or empty where all of it was lost."""

    side: Speaker
    number: int
    start_ms: int
    length_ms: int
    rate: int
    pcm: bytes
    lost_ms: int = 0


Keep = Callable[[Segment], None]


class Tape:
    """One epoch of one conversation, from `start_ms` on. Closed segments go to `keep`; without
    one nothing is recorded."""

    def __init__(self, start_ms: int, keep: Keep | None) -> None:
        self._keep = keep
        self._start_ms = start_ms
        self._number = 0
        user = Track(INPUT_RATE_HZ, start_ms, ahead_ms=USER_AHEAD_MS)
        agent = Track(OUTPUT_RATE_HZ, start_ms, ahead_ms=AGENT_AHEAD_MS)
        self._heard, self._played = HeardVoice(user), PlayedVoice(agent)
        self._tracks = {Speaker.USER: user, Speaker.AGENT: agent}

    @property
    def is_on(self) -> bool:
        return self._keep is not None

    def hear(self, pcm: bytes, ms: int) -> None:
        """The user said this; it ended now."""
        if self._keep is not None:
            self._heard.hear(pcm, ms)

    def play(self, pcm: bytes, ms: int) -> None:
        """The agent says this, now or after what it is still saying."""
        if self._keep is not None:
            self._played.play(pcm, ms)

    def cut(self, ms: int) -> None:
        """The agent was interrupted: nobody hears the rest."""
        self._played.track.cut(ms)

    def pass_time(self, ms: int) -> None:
        """Close the segments that are over. Call it at least twice a second."""
        self._heard.settle(ms)
        while self._keep is not None and ms >= self._start_ms + SEGMENT_MS + SETTLE_MS:
            self._close(self._start_ms + SEGMENT_MS)

    def end(self, ms: int) -> None:
        """Nothing more is recorded here. What was said and is still being heard belongs to it."""
        self._heard.settle_now()
        ms = max(ms, *(track.end_ms for track in self._tracks.values()))
        while self._keep is not None and ms > self._start_ms:
            self._close(min(ms, self._start_ms + SEGMENT_MS))
        self._keep = None

    def stop(self, ms: int) -> None:
        """The user wants nothing more to be recorded: of what follows nothing is kept."""
        self._heard.settle_now()
        for track in self._tracks.values():
            track.cut(ms)
        self.end(ms)

    def _close(self, until_ms: int) -> None:
        for side, track in self._tracks.items():
            pcm, lost_ms = track.take(until_ms)
            if self._keep is not None and (pcm or lost_ms):
                length_ms = until_ms - self._start_ms
                start_ms = self._start_ms
                self._keep(
                    Segment(side, self._number, start_ms, length_ms, track.rate, pcm, lost_ms)
                )
        self._start_ms = until_ms
        self._number += 1
