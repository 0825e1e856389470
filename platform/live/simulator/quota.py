"""Vertex AI's quota of new connections: 10 a minute in each project and region.

Section 5.2 of the protocol notes. A resumed session is a new connection too.
"""

from collections import deque

from live.simulator.closes import quota_exceeded

MINUTE_S = 60.0
DOCUMENTED = 10
MAX_PLACES = 1024


class ConnectionQuota:
    """Counts the connections of the last minute in each place.

    `per_minute` is how many there may be, 0 for any number. Places are forgotten when nobody
    connected there for a minute, and the oldest above `MAX_PLACES`.
    """

    def __init__(self, per_minute: int = 0) -> None:
        self.per_minute = per_minute
        self._taken: dict[str, deque[float]] = {}

    def take(self, place: str, now: float) -> None:
        """Count a connection at `now` (seconds). Raises Refusal (1011) when it is one too many.

        One that is refused costs nothing.
        """
        if not self.per_minute:
            return
        self._forget(now - MINUTE_S)
        times = self._taken.pop(place, deque())
        self._taken[place] = times  # the newest place is the last
        if len(times) >= self.per_minute:
            raise quota_exceeded()
        times.append(now)
        if len(self._taken) > MAX_PLACES:
            del self._taken[next(iter(self._taken))]

    def _forget(self, before: float) -> None:
        for place, times in list(self._taken.items()):
            while times and times[0] <= before:
                times.popleft()
            if not times:
                del self._taken[place]
