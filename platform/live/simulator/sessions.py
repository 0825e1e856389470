"""What a session remembers, and the handles that name it after its connection is gone."""

import re
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from live.simulator.calls import Calls
from live.simulator.closes import (
    internal_error,
    invalid_argument,
    malformed_handle,
    quota_exceeded,
    session_not_found,
)
from live.simulator.silence import PATIENCE_S

HISTORY_BYTES = 65536
MAX_SESSIONS = 4096
MAX_HANDLES = 32  # of one session: the oldest go first
HANDLE_LIFE_S = 2 * 3600.0
VERTEX_HANDLE_LIFE_S = 24 * 3600.0
MAX_OPEN_SESSIONS = 1000  # of a project: the documented figure of the higher tiers
AUDIO_TOKENS_PER_S = 25  # both ways, on the Live API's price list
BYTES_PER_TEXT_TOKEN = 4
_HANDLE = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class Role(Enum):
    USER = "user"
    MODEL = "model"
    TOOL = "tool"


@dataclass(frozen=True)
class Said:
    """One turn as the model remembers it. `audio_s` is 0 for what was typed."""

    role: Role
    text: str
    audio_s: float = 0.0

    @property
    def audio_tokens(self) -> int:
        return round(self.audio_s * AUDIO_TOKENS_PER_S)

    @property
    def text_tokens(self) -> int:
        return 0 if self.audio_s else text_tokens(self.text)


def text_tokens(text: str) -> int:
    """Return about how many tokens a text is."""
    return -(-len(text.encode()) // BYTES_PER_TEXT_TOKEN)


class Memory:
    """The conversation so far, at most `HISTORY_BYTES` of text: the oldest turns go first."""

    def __init__(self) -> None:
        self.video_tokens = 0
        self.pictures = 0
        self.last_picture = (0, 0)  # width and height in pixels
        self._turns: deque[Said] = deque()
        self._size = 0

    @property
    def tokens(self) -> int:
        """About how much of the context window it fills."""
        return self.video_tokens + sum(_tokens(said) for said in self._turns)

    def __iter__(self) -> Iterator[Said]:
        return iter(self._turns)

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, said: Said) -> None:
        self._turns.append(said)
        self._size += len(said.text.encode())
        while self._size > HISTORY_BYTES and len(self._turns) > 1:
            self._size -= len(self._turns.popleft().text.encode())

    def see(self, size: tuple[int, int], tokens: int) -> None:
        """Take in a picture of so many pixels."""
        self.pictures += 1
        self.last_picture = size
        self.video_tokens += tokens

    def cut_to(self, target: int) -> None:
        """Forget the oldest until `target` tokens are left, and a turn of the user comes first."""
        self.video_tokens = 0
        left = self.tokens
        while self._turns and (left > target or self._turns[0].role is not Role.USER):
            said = self._turns.popleft()
            left -= _tokens(said)
            self._size -= len(said.text.encode())

    def unanswered(self) -> str:
        """Return what the user said since the model last spoke."""
        words: list[str] = []
        for said in reversed(self._turns):
            if said.role is Role.MODEL:
                break
            if said.role is Role.USER:
                words.append(said.text)
        return " ".join(reversed(words))

    def earlier(self) -> list[Said]:
        """Return the turns before the unanswered ones."""
        turns = list(self._turns)
        while turns and turns[-1].role is not Role.MODEL:
            turns.pop()
        return turns


def _tokens(said: Said) -> int:
    return said.audio_tokens + said.text_tokens


@dataclass
class Session:
    """One session. `closed_at` is None while a connection has it; times are monotonic.

    `used_s` is for how long connections had it; `ended` that it cannot be resumed any more;
    `given_up_at` when the server gives up a connection that it does not know to be gone.
    """

    model: str = ""
    vertex: bool = False
    memory: Memory = field(default_factory=Memory)
    calls: Calls = field(default_factory=Calls)
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    handles: list[str] = field(default_factory=list)
    closed_at: float | None = None
    may_resume_at: float = 0.0
    opened_at: float = 0.0
    used_s: float = 0.0
    ended: bool = False
    given_up_at: float | None = None

    @property
    def handle_life_s(self) -> float:
        return VERTEX_HANDLE_LIFE_S if self.vertex else HANDLE_LIFE_S


class Sessions:
    """All sessions that can be resumed: at most `MAX_SESSIONS`, the oldest closed go first.

    A handle names the session, not a moment of it: each of its handles leads to the
    newest state. `max_open` is how many may have a connection at once: the server is one
    project, and the real limit is a project's, whatever the number of its keys.
    """

    def __init__(self, *, resume_wait: float = 1.0, max_open: int = MAX_OPEN_SESSIONS) -> None:
        self.resume_wait = resume_wait
        self.max_open = max_open
        self._open = 0
        self._by_handle: dict[str, Session] = {}
        self._closed: dict[str, Session] = {}
        self._vanished: dict[str, Session] = {}

    def new_handle(self, session: Session) -> str:
        handle = str(uuid.uuid4())
        session.handles.append(handle)
        if len(session.handles) > MAX_HANDLES:
            self._by_handle.pop(session.handles.pop(0), None)
        self._by_handle[handle] = session
        return handle

    def admit(self, handle: str, now: float, *, model: str, vertex: bool) -> Session:
        """Return the session for a new connection: that of `handle`, or a new one without it.

        Raises Refusal as `resume` does, 1011 beyond `max_open` connections, and 1007 when a
        resumption asks for another model.
        """
        self._give_up(now)
        if self._open >= self.max_open:
            raise quota_exceeded()
        session = self.resume(handle, now) if handle else Session(model=model, vertex=vertex)
        self._open += 1
        session.opened_at = now
        if (session.model, session.vertex) != (model, vertex):
            self.closed(session, now, in_mid_speech=True)
            raise invalid_argument()
        return session

    def resume(self, handle: str, now: float) -> Session:
        """Return the session that `handle` names.

        Raises Refusal: 1007 malformed; 1008 unknown, ended or too old; 1011 while the old
        connection is open, or seems to be, and within `resume_wait` seconds of an idle one's end.
        """
        if not _HANDLE.fullmatch(handle):
            raise malformed_handle()
        self._give_up(now)
        self._forget_expired(now)
        session = self._by_handle.get(handle)
        if session is None or session.ended:
            raise session_not_found()
        if session.closed_at is None or now < session.may_resume_at:
            raise internal_error()
        session.closed_at = None
        self._closed.pop(session.session_id, None)
        return session

    def closed(self, session: Session, now: float, *, in_mid_speech: bool) -> None:
        """Say that the session's connection ended, with or without speech going on."""
        self._open = max(0, self._open - 1)
        session.used_s += now - session.opened_at
        session.closed_at = now
        session.may_resume_at = now if in_mid_speech else now + self.resume_wait
        if session.handles:
            self._closed[session.session_id] = session
        while len(self._closed) > MAX_SESSIONS:
            self._forget(next(iter(self._closed.values())))

    def vanished(self, session: Session, now: float) -> None:
        """Say that the session's client is gone, which the server does not notice.

        The session stays occupied for `PATIENCE_S` and is lost then (section 4.5). Above
        `MAX_SESSIONS` the one that vanished first is given up.
        """
        session.given_up_at = now + PATIENCE_S
        self._vanished[session.session_id] = session
        if len(self._vanished) > MAX_SESSIONS:
            self._lose(next(iter(self._vanished.values())), now)

    def _give_up(self, now: float) -> None:
        for session in list(self._vanished.values()):
            if session.given_up_at is None or session.given_up_at > now:
                return
            self._lose(session, session.given_up_at)

    def _lose(self, session: Session, now: float) -> None:
        del self._vanished[session.session_id]
        session.ended = True
        self.closed(session, now, in_mid_speech=False)

    def _forget_expired(self, now: float) -> None:
        for session in list(self._closed.values()):
            age_s = now - (now if session.closed_at is None else session.closed_at)
            if age_s < HANDLE_LIFE_S:
                break
            if age_s >= session.handle_life_s:
                self._forget(session)

    def _forget(self, session: Session) -> None:
        self._closed.pop(session.session_id, None)
        for handle in session.handles:
            self._by_handle.pop(handle, None)
