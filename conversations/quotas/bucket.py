"""How fast somebody may send: a token bucket. Pure, the time is passed in."""

from __future__ import annotations


class TokenBucket:
    """`burst` at once, and `per_s` each second after that."""

    def __init__(self, *, per_s: float, burst: float, now: float) -> None:
        self.per_s = per_s
        self.burst = burst
        self._tokens = burst
        self._filled_at = now

    def take(self, now: float, tokens: float = 1) -> float:
        """Take one token, or some. Returns 0, or the seconds until there will be so many."""
        self._fill(now)
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self.per_s

    def change(self, *, per_s: float, burst: float, now: float) -> None:
        """Other limits from now on. What was taken stays taken."""
        self._fill(now)
        self._tokens = max(0.0, self._tokens + burst - self.burst)
        self.per_s, self.burst = per_s, burst

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._filled_at)
        self._filled_at = max(self._filled_at, now)
        self._tokens = min(self.burst, self._tokens + passed * self.per_s)
