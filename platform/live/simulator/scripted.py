"""A talk in which things go wrong by script. Pure: no I/O, no clock, time passed in.

It stands between the pump and a `Talk`, and looks like one. It watches what goes past for
the moments that steps wait for, and does what they say. What only a socket can do it asks
for: `Dropped` is raised, `stalled_until` and `pong_delay` are read by the pump, `half_open`
(a client's end without a close frame goes unnoticed) by the server.
"""

from collections import deque
from collections.abc import Sequence

from live.simulator.closes import Refusal
from live.simulator.rewriting import Rewriter, rewriter
from live.simulator.scenario import (
    Close,
    Do,
    Drop,
    GoAway,
    HalfOpen,
    Moment,
    RefuseHandle,
    Script,
    Send,
    Silence,
    SlowPong,
    Stall,
    Step,
    Text,
)
from live.simulator.talk import Talk

MAX_HELD = 1024  # frames during a silence: the oldest go first
_SIGNS: tuple[tuple[bytes, Moment], ...] = (
    # Quotes inside a text are escaped, so that no text looks like one of these.
    (b'"setupComplete": {', "ready"),
    (b'"modelTurn": {', "answer"),
    (b'"toolCall": {', "call"),
    (b'"turnComplete": true', "turn"),
    (b'"goAway": {', "go_away"),
)


class Dropped(Exception):
    """The script wants the TCP connection aborted."""


class Scripted:
    """Runs one script over one talk. `resumes` says whether the connection resumes a session."""

    def __init__(self, talk: Talk, script: Script, *, resumes: bool = False) -> None:
        self._talk = talk
        self._resumes = resumes
        self._waiting = list(script.steps)
        self._due: list[tuple[float, Step]] = []
        self._times: dict[Moment, int] = {}
        self._silent_until = 0.0
        self._out: list[bytes] = []
        self._held: deque[bytes] = deque(maxlen=MAX_HELD)
        self._rewriters: list[Rewriter] = []
        self._text = False
        self.half_open = False
        self.stalled_until = 0.0
        self.pong_delay = 0.0

    @property
    def ready(self) -> bool:
        return self._talk.ready

    @property
    def in_mid_speech(self) -> bool:
        return self._talk.in_mid_speech

    def start(self, now: float) -> None:
        self._talk.start(now)
        self._reach("setup", now)

    def receive(self, frame: str | bytes, now: float) -> None:
        """Take one frame of the client. Raises Refusal and Dropped."""
        self._talk.receive(frame, now)
        self._reach("input", now)
        self._collect(now)

    def finish(self, now: float) -> None:
        self._talk.finish(now)

    def due(self) -> float:
        talk = max(self._talk.due(), self._silent_until)
        held = [self._silent_until] if self._held else []
        return min([talk, *held, *(when for when, _step in self._due)])

    def advance(self, now: float) -> None:
        """Do what is due. Raises Refusal and Dropped."""
        self._do_due(now)
        if now >= self._silent_until:
            self._talk.advance(now)
        self._collect(now)

    def take(self) -> Sequence[str | bytes]:
        """Return the frames to send, in order, and forget them."""
        taken, self._out = self._out, []
        return [frame.decode() for frame in taken] if self._text else taken

    def _collect(self, now: float) -> None:
        sent = self._talk.take()
        for frame in sent:
            for sign, moment in _SIGNS:
                if sign in frame:
                    self._reach(moment, now)
        for rewrite in self._rewriters:
            sent = rewrite(sent)
        self._say(sent, now)

    def _say(self, sent: list[bytes], now: float) -> None:
        if now < self._silent_until:
            self._held += sent
            return
        self._out += [*self._held, *sent]
        self._held.clear()

    def _reach(self, moment: Moment, now: float) -> None:
        self._times[moment] = times = self._times.get(moment, 0) + 1
        for step in [each for each in self._waiting if (each.at, each.nth) == (moment, times)]:
            self._waiting.remove(step)
            self._due.append((now + step.after, step))

    def _do_due(self, now: float) -> None:
        while self._due:
            first = min(self._due, key=lambda item: item[0])
            if first[0] > now:
                return
            self._due.remove(first)
            self._do(first[1].do, now)

    def _do(self, do: Do, now: float) -> None:
        if rewrite := rewriter(do):
            self._rewriters.append(rewrite)
            return
        match do:
            case Drop():
                raise Dropped
            case Close(code=code, reason=reason):
                raise Refusal(code, reason)
            case RefuseHandle(code=code, reason=reason) if self._resumes:
                raise Refusal(code, reason)
            case _:
                self._hinder(do, now)

    def _hinder(self, do: Do, now: float) -> None:
        match do:
            case GoAway(time_left=time_left):
                self._talk.say_go_away(now, time_left)
                self._collect(now)
            case Silence(seconds=seconds):
                self._silent_until = now + seconds
            case Stall(seconds=seconds):
                self.stalled_until = now + seconds
            case SlowPong(seconds=seconds):
                self.pong_delay = seconds
            case HalfOpen():
                self.half_open = True
            case Text():
                self._text = True
            case Send(frames=texts, size=size):
                self._say([text.encode().ljust(size) for text in texts], now)
