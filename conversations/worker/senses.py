"""What the user's microphone and camera give, on its way to the model.

Neither ever waits. What the model's service takes too slowly, the session drops, oldest sound
first: it is noticed here, for the page to be told. Of pictures the model looks at one a second,
and each is billed: the newest goes, when its second has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import live
from conversations import protocol as p
from conversations.held import Loss

log = logging.getLogger(__name__)

PICTURE_EVERY_S: Final = 1.0


class Listener(Protocol):
    """What is needed of the session with the model."""

    @property
    def audio_dropped_bytes(self) -> int: ...
    def send_audio(self, pcm: bytes) -> None: ...
    def send_video(self, frame: bytes) -> None: ...


class PictureGate:
    """Lets one picture a second through, the newest. Pure; times are seconds on one clock.

    A page's timer is never exact: a picture that comes early waits for its time instead of
    being lost, and a newer one takes its place.
    """

    def __init__(self) -> None:
        self._waiting: bytes | None = None
        self._next_at: float | None = None

    def offer(self, jpeg: bytes) -> None:
        self._waiting = jpeg

    def wait_s(self, now: float) -> float | None:
        """Seconds until a picture goes: 0 now, None when none is there."""
        if self._waiting is None:
            return None
        return 0.0 if self._next_at is None else max(0.0, self._next_at - now)

    def take(self, now: float) -> bytes | None:
        """The picture that goes now, if one does."""
        if self.wait_s(now) != 0:
            return None
        jpeg, self._waiting = self._waiting, None
        self._next_at = now + PICTURE_EVERY_S
        return jpeg


class Senses:
    """`session` gives the session of the moment: another one may step in."""

    def __init__(self, session: Callable[[], Listener], clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._gate = PictureGate()
        self._timer: asyncio.TimerHandle | None = None
        self._loss = Loss()
        self._counted: tuple[Listener | None, int] = (None, 0)

    def hear(self, pcm: bytes) -> None:
        """Hand on a piece of the user's voice: PCM16 mono, 16 kHz."""
        self._session().send_audio(pcm)

    def show(self, jpeg: bytes) -> None:
        """Hand on a picture, now or when its time has come."""
        self._gate.offer(jpeg)
        if self._timer is None:
            self._show_due()

    def lost(self) -> p.Gap | None:
        """What to tell the page of its user's voice that never went out."""
        session = self._session()
        before = self._counted[1] if self._counted[0] is session else 0
        dropped = session.audio_dropped_bytes
        self._counted = (session, dropped)
        self._loss.add(dropped - before)
        return self._loss.tell(self._clock())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _show_due(self) -> None:
        self._timer = None
        now = self._clock()
        if (jpeg := self._gate.take(now)) is not None:
            try:
                self._session().send_video(jpeg)
            except live.LiveError as error:  # an ended session sees nothing anyway
                log.info("picture not taken: %s", error.code)
        elif (wait := self._gate.wait_s(now)) is not None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._show_due)
