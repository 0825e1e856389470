"""When a session that lost its connection tries the next one, and when it gives up. Pure.

The rules are others' outages: an idle session that is resumed at once is refused, a second later
it works; in the middle of an answer it works at once. A handle that the service has refused twice
is given up for a new session. A service that ends every connection as soon as it has begun is not
asked for ever. Many sessions that were cut together do not come back in the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from live.errors import Diagnosis, LiveError, NetworkError, ProviderError, QuotaError

_ALWAYS_LEAVING = Diagnosis(
    "always_leaving",
    "The service announces the end of every connection as soon as it has begun.",
    "Try again later.",
    permanent=False,
    retry_after=60.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comeback:
    """How a session comes back. Times are in seconds.

    * `pauses`: before each try, each made longer by up to `jitter`. The first is for a session
      in the middle of something; one that was idle begins with the second.
    * `handle_tries`: after so many refusals of the handle, a new session is begun.
    * `short_lives`: how many connections in a row may end before they were `proven`.
    * `margin`: how long before the service would close by itself the connection is left.
    * `insist`: also a first connection that was refused is tried again.
    * `waits_for_quota`: a quota that is used up is waited for. Without it the session ends at
      once, for who has another credential to go on with.
    """

    pauses: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
    jitter: float = 0.2
    handle_tries: int = 2
    short_lives: int = 5
    proven: float = 30.0
    margin: float = 5.0
    insist: bool = False
    waits_for_quota: bool = True


class Tries:
    """Counts what was tried; `None` for a session that never comes back."""

    def __init__(
        self, comeback: Comeback | None, *, chance: Callable[[], float] = random.random
    ) -> None:
        """`chance` gives a number from 0 up to 1."""
        self._comeback = comeback
        self._chance = chance
        self._tried = 0
        self._refusals = 0  # of the handle
        self._short_lives = 0
        self._accepted_at: float | None = None
        self._lived = False

    @property
    def come_back(self) -> bool:
        """Whether there is a next connection at all."""
        return self._comeback is not None

    @property
    def gives_up_handle(self) -> bool:
        """Whether the handle was refused often enough."""
        return self._comeback is not None and self._refusals >= self._comeback.handle_tries

    def leave_at(self, time_left: float, now: float) -> float:
        """When to leave a connection that has so much time left."""
        if self._comeback is None:
            return now + time_left
        return now + time_left - min(self._comeback.margin, time_left / 2)

    def accepted(self, now: float) -> None:
        """The session is ready on a new connection."""
        self._accepted_at = now
        self._refusals = 0
        self._lived = True

    def next(self, error: LiveError | None, now: float, *, idle: bool) -> float:
        """When to try the next connection; `error` is `None` when we left it ourselves.

        Raises `error`, or what stands behind it, when it was tried often enough.
        """
        if self._comeback is None or not (self._lived or self._comeback.insist):
            raise error or ProviderError(_ALWAYS_LEAVING)
        if isinstance(error, QuotaError) and not self._comeback.waits_for_quota:
            raise error
        if self._accepted_at is not None:
            self._count_life(error, now - self._accepted_at)
            self._tried = 1 if idle else 0
            self._accepted_at = None
        else:
            self._tried += 1
            self._refusals += not isinstance(error, NetworkError)
        return now + self._pause(error)

    def _count_life(self, error: LiveError | None, life: float) -> None:
        comeback = self._known()
        self._short_lives = 0 if life > comeback.proven else self._short_lives + 1
        if self._short_lives > comeback.short_lives:
            raise error or ProviderError(_ALWAYS_LEAVING)

    def _pause(self, error: LiveError | None) -> float:
        comeback = self._known()
        if error and self._tried >= len(comeback.pauses):
            raise error
        pause = comeback.pauses[self._tried]
        if isinstance(error, QuotaError) and self._lived:
            # A talk that is under way is worth a longer wait, as far as anybody waits so long.
            pause = max(pause, min(error.retry_after or 0.0, comeback.pauses[-1]))
        return pause + self._chance() * comeback.jitter if pause else 0.0

    def _known(self) -> Comeback:
        if self._comeback is None:
            raise RuntimeError("A session that never comes back counts no tries.")
        return self._comeback
