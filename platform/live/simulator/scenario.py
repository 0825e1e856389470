"""Scripts of faults, as data: at what moment of a connection the server does what.

In JSON, for `manage.py simulator --scenario FILE`:

    {"steps": [{"at": "answer", "nth": 3, "after": 0.2, "do": {"what": "drop"}}],
     "connections": 1}

Times are in seconds. `faults.py` has those that have a name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

Moment = Literal["setup", "ready", "input", "answer", "call", "turn", "go_away"]
"""The `setup` was accepted · setupComplete went out · a message of the client came in ·
a modelTurn, toolCall, turnComplete, goAway went out."""

Talks = Literal["conversation", "echo"]

MAX_FILE = 1024 * 1024


class Action(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="what", forbid_unknown_fields=True
):
    """Something the server does."""


class GoAway(Action, frozen=True, tag="go_away"):
    """Say goAway, and close the connection a second after `time_left` when the client stays."""

    time_left: float = 0.5


class Drop(Action, frozen=True, tag="drop"):
    """Abort the TCP connection: the client sees no close frame (1006)."""


class Close(Action, frozen=True, tag="close"):
    """Close with a code and a reason."""

    code: int = 1011
    reason: str = ""


class RefuseHandle(Action, frozen=True, tag="refuse_handle"):
    """Close with a code and a reason if the connection resumes a session."""

    code: int = 1008
    reason: str = "BidiGenerateContent session not found"


class Silence(Action, frozen=True, tag="silence"):
    """Read on, and send nothing for some time."""

    seconds: float = 5.0


class Stall(Action, frozen=True, tag="stall"):
    """Read nothing for some time, pings included: the client's own sending begins to wait."""

    seconds: float = 5.0


class SlowPong(Action, frozen=True, tag="slow_pong"):
    """From now on answer each ping only after some time."""

    seconds: float = 8.0


class Send(Action, frozen=True, tag="send"):
    """Send frames of this text as they are, each filled up with spaces to `size` bytes."""

    frames: tuple[str, ...]
    size: int = 0


class Repeat(Action, frozen=True, tag="repeat"):
    """From now on send every message with one of these top-level or serverContent keys twice."""

    keys: tuple[str, ...]


class Adorn(Action, frozen=True, tag="adorn"):
    """From now on put these fields into every object of every message."""

    fields: dict[str, Any]


class HalfOpen(Action, frozen=True, tag="half_open"):
    """From now on do not notice when the client goes without a close frame (section 4.5)."""


class Text(Action, frozen=True, tag="text"):
    """From now on send text frames in place of binary ones."""


class LateTranscripts(Action, frozen=True, tag="late_transcripts"):
    """From now on tell what the user said in so many pieces, during the answer; 0: not at all."""

    pieces: Annotated[int, msgspec.Meta(ge=0)] = 3


class SplitCalls(Action, frozen=True, tag="split_calls"):
    """From now on send parallel function calls in a message each."""


class Join(Action, frozen=True, tag="join"):
    """From now on put up to `parts` pieces of an answer, transcript included, in one message."""

    parts: int = 3


Do = (
    GoAway
    | Drop
    | Close
    | RefuseHandle
    | Silence
    | Stall
    | SlowPong
    | HalfOpen
    | Send
    | Repeat
    | Adorn
    | Join
    | Text
    | LateTranscripts
    | SplitCalls
)


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do something `after` seconds from the `nth` time that a moment comes."""

    do: Do
    at: Moment = "ready"
    nth: Annotated[int, msgspec.Meta(ge=1)] = 1
    after: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong in a talk; `talk` None is whatever the server has.

    `handshake` is the HTTP status that answers the upgrade, None to accept it: then there is
    no talk. As a server's own script it holds for the first `connections` (None: all) after `skip`
    others.
    """

    steps: tuple[Step, ...] = ()
    talk: Talks | None = None
    handshake: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    connections: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def holds_for(self, number: int) -> bool:
        """Whether it holds for the connection of this number, counted from 0."""
        past = number - self.skip
        return past >= 0 and (self.connections is None or past < self.connections)


def read_script(text: str | bytes) -> Script:
    """Return the script in a JSON text. Raises ValueError that says what is wrong, and where."""
    return msgspec.json.decode(text, type=Script)


def read_script_file(path: Path) -> Script:
    """Return the script in a JSON file. Raises ValueError, and OSError for no readable file."""
    with path.open("rb") as file:
        return read_script(file.read(MAX_FILE))
