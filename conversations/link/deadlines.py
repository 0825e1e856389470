"""When a connection has to do something though nothing happens. The time is passed in."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


@dataclass(frozen=True)
class Limits:
    """Bounds of one connection; times in seconds.

    After `ping` of silence the peer is asked for a sign of life; after `dead` of it, it is gone:
    about when a worker that hangs has lost its leases, so that its pages look for another one.
    The connecting end leaves when no stream was open for `unused`.
    """

    streams: int = 4096
    handshake: float = 5.0
    ping: float = 1.0
    dead: float = 4.0
    unused: float = 60.0


DEFAULT_LIMITS: Final = Limits()


class Due(Enum):
    """What the time has come for."""

    PING = auto()
    HANDSHAKE_TIMEOUT = auto()
    PEER_SILENT = auto()
    UNUSED = auto()


class Deadlines:
    """The deadlines of one connection that starts its handshake `now`.

    A handshake has one deadline, however slowly its bytes drip in. Afterwards any byte of the peer
    is a sign of life. The wait for an answer counts from the question and not from the last byte,
    so that a pause of our own process does not end a peer that was never asked.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._established = False
        self._since = now
        self._asked_at: float | None = None
        self._unused_since: float | None = None

    def established(self, now: float) -> None:
        self._established = True
        self._since = now

    def heard(self, now: float) -> None:
        """A byte of the peer arrived."""
        self._since = now
        self._asked_at = None

    def used(self) -> None:
        """A stream was opened."""
        self._unused_since = None

    @property
    def next(self) -> float:
        """The earliest time at which `check` may find something due."""
        if self._unused_since is None:
            return self._peer_due()
        return min(self._peer_due(), self._unused_since + self._limits.unused)

    def check(self, now: float, *, in_use: bool) -> Due | None:
        """What is due; `in_use` is False while no stream is open and none is expected."""
        if self._note_use(now, in_use=in_use):
            return Due.UNUSED
        if now < self._peer_due():
            return None
        if not self._established:
            return Due.HANDSHAKE_TIMEOUT
        if self._asked_at is not None:
            return Due.PEER_SILENT
        self._asked_at = now
        return Due.PING

    def _peer_due(self) -> float:
        if self._asked_at is not None:
            return self._asked_at + self._limits.dead - self._limits.ping
        return self._since + (self._limits.ping if self._established else self._limits.handshake)

    def _note_use(self, now: float, *, in_use: bool) -> bool:
        if in_use or not self._established:
            self._unused_since = None
        elif self._unused_since is None:
            self._unused_since = now
        return self._unused_since is not None and now >= self._unused_since + self._limits.unused
