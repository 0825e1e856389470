"""What a session remembers, and the handles that name it after its connection is gone."""

import re
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from live.simulator.closes import internal_error, malformed_handle, session_not_found

HISTORY_BYTES = 65536
MAX_SESSIONS = 4096
MAX_HANDLES = 32  # of one session: the oldest go first
HANDLE_LIFE_S = 2 * 3600.0
AUDIO_TOKENS_PER_S = 25  # both ways, on the Live API's price list
BYTES_PER_TEXT_TOKEN = 4
_HANDLE = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class Role(Enum):
    USER = "user"
    MODEL = "model"


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
        self._turns: deque[Said] = deque()
        self._size = 0

    def __iter__(self) -> Iterator[Said]:
        return iter(self._turns)

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, said: Said) -> None:
        self._turns.append(said)
        self._size += len(said.text.encode())
        while self._size > HISTORY_BYTES and len(self._turns) > 1:
            self._size -= len(self._turns.popleft().text.encode())

    def unanswered(self) -> str:
        """Return what the user said since the model last spoke."""
        words: list[str] = []
        for said in reversed(self._turns):
            if said.role is Role.MODEL:
                break
            words.append(said.text)
        return " ".join(reversed(words))

    def earlier(self) -> list[Said]:
        """Return the turns before the unanswered ones."""
        turns = list(self._turns)
        while turns and turns[-1].role is Role.USER:
            turns.pop()
        return turns


@dataclass
class Session:
    """One session. `closed_at` is None while a connection has it; times are monotonic."""

    memory: Memory = field(default_factory=Memory)
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    handles: list[str] = field(default_factory=list)
    closed_at: float | None = None
    may_resume_at: float = 0.0


class Sessions:
    """All sessions that can be resumed: at most `MAX_SESSIONS`, the oldest closed go first.

    A handle names the session, not a moment of it: each of its handles leads to the
    newest state.
    """

    def __init__(self, *, resume_wait: float = 1.0) -> None:
        self.resume_wait = resume_wait
        self._by_handle: dict[str, Session] = {}
        self._closed: dict[str, Session] = {}

    def new_handle(self, session: Session) -> str:
        handle = str(uuid.uuid4())
        session.handles.append(handle)
        if len(session.handles) > MAX_HANDLES:
            self._by_handle.pop(session.handles.pop(0), None)
        self._by_handle[handle] = session
        return handle

    def resume(self, handle: str, now: float) -> Session:
        """Return the session that `handle` names, for a new connection.

        Raises Refusal: 1007 malformed; 1008 unknown or older than two hours; 1011 while
        the old connection is open, and within `resume_wait` seconds of an idle one's end.
        """
        if not _HANDLE.fullmatch(handle):
            raise malformed_handle()
        self._forget_expired(now)
        session = self._by_handle.get(handle)
        if session is None:
            raise session_not_found()
        if session.closed_at is None or now < session.may_resume_at:
            raise internal_error()
        session.closed_at = None
        self._closed.pop(session.session_id, None)
        return session

    def closed(self, session: Session, now: float, *, in_mid_speech: bool) -> None:
        """Say that the session's connection ended, with or without speech going on."""
        session.closed_at = now
        session.may_resume_at = now if in_mid_speech else now + self.resume_wait
        if session.handles:
            self._closed[session.session_id] = session
        while len(self._closed) > MAX_SESSIONS:
            self._forget(next(iter(self._closed.values())))

    def _forget_expired(self, now: float) -> None:
        for session in list(self._closed.values()):
            if session.closed_at is None or now - session.closed_at < HANDLE_LIFE_S:
                break
            self._forget(session)

    def _forget(self, session: Session) -> None:
        self._closed.pop(session.session_id, None)
        for handle in session.handles:
            self._by_handle.pop(handle, None)
