"""The part of a connection's behaviour that every scenario shares. Pure: no I/O, no clock.

A shell calls `start`, then `receive` for each frame and `advance` when `due` is past,
each with the monotonic time in seconds, and sends what `take` returns. A Refusal from
any of them ends the connection.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from live.simulator import frames
from live.simulator.closes import overstayed
from live.simulator.sessions import Session, Sessions
from live.simulator.setup import Setup

# A loop that was late may catch up this much, and does not flood a client after a stall.
CATCH_UP_S = 0.1
GRACE_S = 1.0  # measured: goAway at 540 s with 50 s left, the close at 591 s


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the server does things; the defaults were measured on gemini-3.8-live.

    All in seconds, but `speed` (sound is sent this many times faster than it plays) and
    `playback` (the share of the playing time that turnComplete waits for).

    A session without context window compression ends with its `session_life` (documented: 15
    minutes with sound, 2 with video too, on Vertex AI 10), resumed or not.
    """

    setup: float = 0.3
    first_update: float = 0.1
    hearing: float = 0.35
    thinking: float = 0.4
    speed: float = 5.0
    playback: float = 1.0
    stall: float = 1.0
    go_away: float = 540.0
    time_left: float = 50.0
    vertex_time_left: float = 60.0
    session_life: float = 900.0
    vertex_session_life: float = 600.0
    video_session_life: float = 120.0


class Talk(ABC):
    """One connection from its accepted `setup` on: setupComplete, the update, goAway.

    The pump reads nothing before `stalled_until`, and answers pings `pong_delay` seconds late.
    """

    half_open: bool = False
    stalled_until: float = 0.0
    pong_delay: float = 0.0

    def __init__(self, setup: Setup, pace: Pace, session: Session, sessions: Sessions) -> None:
        self.setup = setup
        self.pace = pace
        self.ready = False
        self._time_left = pace.vertex_time_left if setup.vertex else pace.time_left
        self._consumed = 0  # messages of the client after its setup
        self._started = 0.0
        self._life_ends = math.inf
        self._session = session
        self._sessions = sessions
        self._out: list[bytes] = []
        self._deadlines: dict[str, float] = {}
        self._actions: dict[str, Callable[[float], None]] = {
            "setup": self._complete_setup,
            "update": self._tell_handle,
            "go away": self._say_go_away,
            "overstay": self._overstay,
        }

    @property
    def in_mid_speech(self) -> bool:
        """Whether somebody speaks, or is about to: such a session may be resumed at once."""
        return False

    def start(self, now: float) -> None:
        """Begin, as soon as the client's `setup` was accepted."""
        self._started = now
        self._deadlines["setup"] = now + self.pace.setup
        self._deadlines["go away"] = now + self.pace.go_away
        pace = self.pace
        self._limit_life(pace.vertex_session_life if self.setup.vertex else pace.session_life, now)

    def receive(self, frame: str | bytes, now: float) -> None:
        """Take one frame of the client. Raises Refusal."""
        self._consumed += 1
        self._receive(frame, now)

    @abstractmethod
    def _receive(self, frame: str | bytes, now: float) -> None:
        """Do what one frame of the client asks for. Raises Refusal."""

    def finish(self, now: float) -> None:  # noqa: B027 - most talks have nothing to note
        """Take note that the connection is gone."""

    def due(self) -> float:
        """Return when `advance` is needed next; `start` was called before."""
        return min(self._deadlines.values())

    def advance(self, now: float) -> None:
        """Do what is due at `now`, in the order of its deadlines. Raises Refusal."""
        while self._deadlines:
            name = min(self._deadlines, key=lambda key: self._deadlines[key])
            when = self._deadlines[name]
            if when > now:
                return
            del self._deadlines[name]
            self._actions[name](max(when, now - CATCH_UP_S))

    def take(self) -> list[bytes]:
        """Return the frames to send, in order, and forget them."""
        taken, self._out = self._out, []
        return taken

    def _complete_setup(self, when: float) -> None:
        about = {"sessionId": self._session.session_id} if self.setup.vertex else {}
        self._out.append(frames.frame({"setupComplete": about}))
        self.ready = True
        if self.setup.resumable:
            self._deadlines["update"] = when + self.pace.first_update

    def _tell_handle(self, _when: float) -> None:
        handle = self._sessions.new_handle(self._session)
        update: dict[str, object] = {"newHandle": handle, "resumable": True}
        if self.setup.transparent and self._consumed:
            update["lastConsumedClientMessageIndex"] = str(self._consumed)
        self._out.append(frames.frame({"sessionResumptionUpdate": update}))

    def _limit_life(self, life_s: float, now: float) -> None:
        """End the session `life_s` after its first beginning, unless its window is compressed."""
        if self.setup.compression is not None or "go away" not in self._deadlines:
            return
        ends = now + life_s - self._session.used_s - (now - self._started)
        if ends < self._life_ends:
            self._life_ends = ends
            latest = max(now, ends - self._time_left)
            self._deadlines["go away"] = min(self._deadlines["go away"], latest)

    def say_go_away(self, when: float, time_left: float) -> None:
        """Announce the end of the connection, `time_left` seconds and a second from now."""
        self._deadlines.pop("go away", None)
        self._out.append(frames.go_away(time_left))
        self._deadlines["overstay"] = when + time_left + GRACE_S

    def _say_go_away(self, when: float) -> None:
        left = max(0.0, min(self._time_left, self._life_ends - when))
        # When it is the session that ends, no handle leads back to it.
        self._session.ended = when + left >= self._life_ends
        self.say_go_away(when, left)

    def _overstay(self, _when: float) -> None:
        raise overstayed()
