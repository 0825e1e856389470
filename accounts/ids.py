"""Time-ordered identifiers (UUID version 7, RFC 9562 section 5.7)."""

import secrets
import threading
import time
from uuid import UUID

# 12 bits of a millisecond: the fraction that RFC 9562 section 6.2, method 3, puts in `rand_a`.
_TICKS_PER_MS = 4096
_NS_PER_MS = 1_000_000


class _Clock:
    """Milliseconds since 1970 with a 12-bit fraction; never the same value twice in a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        with self._lock:
            now = time.time_ns() * _TICKS_PER_MS // _NS_PER_MS
            self._last = max(now, self._last + 1)
            return self._last


_clock = _Clock()


def uuid7() -> UUID:
    """A new UUIDv7. Within one process each is greater than the one before,
    also when the system clock steps back."""
    milliseconds, fraction = divmod(_clock.tick(), _TICKS_PER_MS)
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | fraction << 64
    value |= 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)
