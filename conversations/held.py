"""What a user says while nobody can take it yet. Pure.

Five seconds of speech and a few texts: enough for a worker or a session to be found, too
little to answer a person about something they said long ago.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from conversations import protocol as p

HELD_AUDIO_BYTES: Final = 5 * p.INPUT_RATE_HZ * 2
HELD_TEXTS: Final = 16


class HeldAudio:
    """Pieces of audio within a bound in bytes; when it is full, the oldest goes."""

    def __init__(self, max_bytes: int = HELD_AUDIO_BYTES) -> None:
        self._max_bytes = max_bytes
        self._pieces: deque[bytes] = deque()
        self.bytes = 0

    def put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.bytes += len(piece)
        while self.bytes > self._max_bytes:
            self.bytes -= len(self._pieces.popleft())

    def take(self) -> Iterator[bytes]:
        """Yield what is held, oldest first, and hold it no longer."""
        while self._pieces:
            piece = self._pieces.popleft()
            self.bytes -= len(piece)
            yield piece
