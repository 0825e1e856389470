"""What went to a host and is not known to have arrived there. Pure.

A host says now and then how many frames of a socket it has dealt with, and says it exactly when
it lets the conversation go. What is left then was lost on the way, and goes to the next host. So
nothing is lost where a conversation moves in order, or a link breaks and comes back; where a host
dies, a quarter of a second may be heard twice.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from conversations import protocol as p

# A host that takes in what a link's window holds has confirmed most of it long before.
MAX_BYTES: Final = 512 * 1024
TAKEN_PREFIX: Final = b'{"type":"taken"'


class Underway:
    """The frames of one socket to one host after another."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._confirmed = 0  # by the host of the moment

    def __len__(self) -> int:
        return len(self._frames)

    def sent(self, frame: bytes) -> None:
        """A frame went out. A picture is only counted: a later one shows what there is then."""
        self._frames.append(b"" if frame[0] == p.PICTURE else frame)
        self._bytes += len(self._frames[-1])
        while self._bytes > MAX_BYTES:
            self._drop(1)
            self._confirmed += 1

    def confirm(self, frames: int) -> None:
        """The host has dealt with `frames` in all. Fewer than before: it is another host."""
        self._drop(frames - self._confirmed)
        self._confirmed = frames

    def take_back(self) -> list[bytes]:
        """What nobody has got, in order; it is not under way any more."""
        frames = [frame for frame in self._frames if frame]
        self._frames.clear()
        self._bytes = 0
        return frames

    def _drop(self, count: int) -> None:
        for _ in range(min(count, len(self._frames))):
            self._bytes -= len(self._frames.popleft())


class Tally:
    """How many frames a host has dealt with, of each line: one attachment of one socket."""

    TELL_EVERY: Final = 8
    LINES: Final = 16

    def __init__(self) -> None:
        self._dealt: dict[str, int] = {}

    def of(self, line: str) -> int:
        return self._dealt.get(line, 0)

    def count(self, line: str) -> p.Taken | None:
        """One more was dealt with. Returns what to tell the line now, if anything."""
        dealt = self._dealt[line] = self.of(line) + 1
        if len(self._dealt) > self.LINES:
            del self._dealt[next(iter(self._dealt))]
        return p.Taken(dealt) if dealt % self.TELL_EVERY == 0 else None


def closing(reason: str, frames: int) -> str:
    """The reason for which a host closes a stream of which it has dealt with `frames`."""
    return f"{reason} {frames}"


def read_closing(reason: str) -> tuple[str, int | None]:
    """The reason and the number, None where there is none, of a stream that was closed."""
    word, _, frames = reason.rpartition(" ")
    if word and frames.isdigit():
        return word, int(frames)
    return reason, None
