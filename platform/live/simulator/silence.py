"""A client that says nothing any more: dead, or only quiet. The server cannot tell.

Section 4.5 of the protocol notes: it never asks (no ping), so that a connection whose network
died holds its session for about 480 s. Then the server gives it up, with its session.
"""

from live.simulator.closes import INTERNAL_ERROR, Refusal

PATIENCE_S = 480.0


class GivenUp(Refusal):
    """The server takes the client for dead: the session is lost with the connection."""

    def __init__(self) -> None:
        super().__init__(1011, INTERNAL_ERROR)


class Silence:
    """How long nothing went over a connection, either way. Pure: time is passed in, in seconds."""

    def __init__(self, patience_s: float, now: float) -> None:
        self._patience_s = patience_s
        self._last = now

    @property
    def ends(self) -> float:
        """When the server gives up, if nothing more is heard or said."""
        return self._last + self._patience_s

    def broken(self, when: float) -> None:
        """Take note that something was received or sent, a ping included."""
        self._last = max(self._last, when)

    def check(self, now: float) -> None:
        """Raise GivenUp (1011) when the patience is over."""
        if now >= self.ends:
            raise GivenUp
