"""Keeps one conversation talking to Gemini Live, through rotations and lost connections.

The rules are others' outages (docs/architecture.md, "The upstream"):

* goAway arms a timer of its own. The session moves at the next pause, at the latest shortly
  before the server would close it, always after a close frame: while Google still sees the
  old socket, every resume fails.
* After an idle close a resume at once is refused; a second later it works.
* A stale handle means a fresh session, seeded from the transcript, once.
* A fault (1011, a lost network) is tried again with growing pauses, a bounded number of
  times, and so is a service that leaves again at once; what is permanent (a wrong key, an
  unknown model) ends the conversation at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

import live
from conversations.held import HELD_TEXTS, HeldAudio
from live.errors import Diagnosis
from live.messages import Content

log = logging.getLogger(__name__)

# Pauses in seconds before each try. The third of a resumption is a fresh session.
RESUME_PAUSES = (0.0, 1.0, 2.0)
IDLE_RESUME_PAUSES = (1.0, 2.0, 4.0)
FRESH_PAUSES = (0.0, 1.0, 3.0, 8.0)
# So many refusals are enough for a handle: the next try begins anew.
HANDLE_TRIES = 2
# A connection that lived this long clears the count of failures.
PROVEN_S = 30.0
MAX_FAILURES = 5
# Leave this long before the server would close by itself.
GO_AWAY_MARGIN_S = 5.0
JITTER_S = 0.2

ALWAYS_LEAVING = Diagnosis(
    "always_leaving",
    "The service announces the end of every connection as soon as it has begun.",
    "Try again later.",
    permanent=False,
    retry_after=60.0,
)

Opener = Callable[[str | None], Awaitable[live.Connection]]


class Owner(Protocol):
    """Whom the upstream tells."""

    @property
    def is_busy(self) -> bool:
        """Whether the model is answering, or about to."""

    def upstream_events(self, events: Sequence[live.Event]) -> None: ...
    def upstream_live(self, *, fresh: bool) -> None: ...
    def upstream_rotating(self) -> None: ...
    def upstream_lost(self) -> None: ...
    def upstream_failed(self, error: live.LiveError) -> None: ...
    def history(self) -> tuple[list[Content], list[str]]: ...


class Upstream:
    """One conversation's session with the model, over as many connections as it takes."""

    def __init__(self, opener: Opener, owner: Owner, *, handle: str | None = None) -> None:
        self._opener = opener
        self._owner = owner
        self.handle = handle
        self._connection: live.Connection | None = None
        self._opened_at = 0.0
        self._failures = 0
        self._rotating = False
        # A question that a lost connection left unanswered is put again.
        self._ask_again = handle is not None
        self._go_away: asyncio.TimerHandle | None = None
        self._held_audio = HeldAudio()
        self._held_texts: deque[str] = deque(maxlen=HELD_TEXTS)
        self._closing = False

    async def run(self) -> None:
        """Talk until `close`, or until nothing helps; then the owner was told why."""
        try:
            await self._run()
        except live.LiveError as error:
            if not self._closing:
                self._owner.upstream_failed(error)
        finally:
            await self._drop_connection()

    async def close(self) -> None:
        """Leave the upstream, with a close frame."""
        self._closing = True
        await self._drop_connection()

    # --- what the user does ---------------------------------------------------------

    def send_audio(self, pcm: bytes) -> None:
        if self._connection is not None:
            self._connection.send_audio(pcm)
            return
        self._held_audio.put(pcm)

    def end_audio(self) -> None:
        if self._connection is not None:
            with suppress(live.LiveError):  # an ended session hears nothing anyway
                self._connection.end_audio()

    def send_text(self, text: str) -> None:
        try:
            if self._connection is not None:
                self._connection.send_text(text)
                return
        except live.LiveError as error:
            log.warning("text held for the next connection: %s", error.code)
        self._held_texts.append(text)

    # --- rotation -------------------------------------------------------------------

    def pause(self) -> None:
        """The model is silent and owes no answer: a rotation that is due happens now."""
        if self._go_away is not None:
            self._rotate()

    def _arm(self, event: live.GoAway) -> None:
        loop = asyncio.get_running_loop()
        if self._go_away is None:
            delay = max(0.0, event.time_left - GO_AWAY_MARGIN_S)
            self._go_away = loop.call_later(delay, self._rotate)
        if not self._owner.is_busy:
            self._rotate()

    def _rotate(self) -> None:
        self._disarm()
        if self._rotating or self._connection is None:
            return
        self._rotating = True
        # At the deadline the model may still owe an answer: the question goes along.
        self._ask_again = self._owner.is_busy
        self._owner.upstream_rotating()
        connection = self._connection
        self._connection = None  # from here on the user's words are held
        self._closer = asyncio.create_task(connection.close(), name="upstream rotation")

    def _disarm(self) -> None:
        if self._go_away is not None:
            self._go_away.cancel()
            self._go_away = None

    # --- the connections -----------------------------------------------------------

    async def _run(self) -> None:
        pauses: Sequence[float] = RESUME_PAUSES if self.handle else FRESH_PAUSES
        while not self._closing:
            connection = await self._open(pauses)
            try:
                await self._pump(connection)
            except live.LiveError as error:
                pauses = self._after(error)
            else:
                self._count(live.ProviderError(ALWAYS_LEAVING))
                pauses = IDLE_RESUME_PAUSES  # a rotation: we closed it ourselves
            finally:
                self._connection = None
                self._disarm()
                await connection.close()

    def _after(self, error: live.LiveError) -> Sequence[float]:
        """Decide how to go on after a connection broke. Raises `error` if there is no way."""
        if isinstance(error, live.ResumptionError):
            self.handle = None
        elif self._closing or error.permanent:
            raise error
        self._count(error)
        log.warning("upstream connection lost: %s", error.code)
        pauses = RESUME_PAUSES if self._owner.is_busy else IDLE_RESUME_PAUSES
        self._ask_again = True
        self._owner.upstream_lost()
        return pauses

    def _count(self, error: live.LiveError) -> None:
        """Count connections that ended soon. Raises `error` when there were too many in a row."""
        if asyncio.get_running_loop().time() - self._opened_at > PROVEN_S:
            self._failures = 0
        self._failures += 1
        if self._failures > MAX_FAILURES:
            raise error

    async def _open(self, pauses: Sequence[float]) -> live.Connection:
        """Connect, resuming while the handle is good. Raises the last try's LiveError."""
        number = 0
        while True:
            if number >= HANDLE_TRIES:
                self.handle = None
            await asyncio.sleep(pauses[number] + jitter(number))
            try:
                return await self._connect()
            except live.ResumptionError:
                if self.handle is None:
                    raise
                self.handle = None
            except live.LiveError as error:
                if error.permanent or number + 1 == len(pauses):
                    raise
                log.warning("upstream not opened: %s", error.code)
            number = min(number + 1, len(pauses) - 1)

    async def _connect(self) -> live.Connection:
        fresh = self.handle is None
        connection = await self._opener(self.handle)
        self._connection, self._rotating = connection, False
        self._opened_at = asyncio.get_running_loop().time()
        if fresh or self._ask_again:
            self._bring_up_to_date(connection, fresh=fresh)
        self._owner.upstream_live(fresh=fresh)
        self._release_held(connection)
        return connection

    def _bring_up_to_date(self, connection: live.Connection, *, fresh: bool) -> None:
        """Tell a fresh session what was said; what is unanswered is asked again."""
        history, unanswered = self._owner.history()
        if fresh and history:
            connection.send_content(history, turn_complete=False)
        self._held_texts.clear()
        self._held_texts.extend(unanswered)

    def _release_held(self, connection: live.Connection) -> None:
        for text in self._held_texts:
            connection.send_text(text)
        self._held_texts.clear()
        for pcm in self._held_audio.take():
            connection.send_audio(pcm)

    async def _pump(self, connection: live.Connection) -> None:
        """Hand events on until the connection ends; returns only after a rotation."""
        while True:
            events = await connection.receive()
            if not events:
                return
            for event in events:
                match event:
                    case live.ResumptionUpdate():
                        self.handle = event.handle if event.resumable else self.handle
                    case live.GoAway():
                        self._arm(event)
            self._owner.upstream_events(events)

    async def _drop_connection(self) -> None:
        self._disarm()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def jitter(number: int) -> float:
    """Seconds on top of a pause, so that many sessions do not come back at once."""
    return random.uniform(0, JITTER_S) if number else 0.0  # noqa: S311 - no secret
