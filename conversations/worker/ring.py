"""The last events of a conversation, encoded, within a bound in bytes. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

RING_BYTES = 512 * 1024


class EventRing:
    """Events of one epoch, contiguous in `seq`; the oldest go first when it is full."""

    def __init__(self, max_bytes: int = RING_BYTES) -> None:
        self._max_bytes = max_bytes
        self._events: deque[bytes] = deque()
        self._first = 1
        self.bytes = 0

    @property
    def last(self) -> int:
        """`seq` of the newest event; 0 before the first one."""
        return self._first + len(self._events) - 1

    def append(self, event: bytes) -> None:
        self._events.append(event)
        self.bytes += len(event)
        while self.bytes > self._max_bytes and len(self._events) > 1:
            self.bytes -= len(self._events.popleft())
            self._first += 1

    def holds_after(self, seq: int) -> bool:
        """Whether everything after `seq` is still here."""
        return self._first - 1 <= seq <= self.last

    def get(self, seq: int) -> bytes:
        return self._events[seq - self._first]

    def after(self, seq: int) -> Iterator[bytes]:
        return (self.get(number) for number in range(seq + 1, self.last + 1))
