"""Where a session and its turns stand, and what it asks for."""

from __future__ import annotations

from live.events.base import Event
from live.messages import FunctionCall


class Ready(Event, frozen=True):
    """The setup was accepted. `session_id` is empty on the Developer API.

    The signature stands for a speaker's consent to the use of a voice.
    """

    session_id: str = ""
    voice_consent_signature: str = ""


class GenerationComplete(Event, frozen=True):
    """All of the answer has been sent; it may still be playing."""


class Interrupted(Event, frozen=True):
    """The user spoke over the answer: drop what is queued for playback."""


class TurnComplete(Event, frozen=True):
    """The model's turn is over, playback included. `reason` is empty after a normal turn.

    `more` says that the interaction goes on: a thinking model takes another turn unasked.
    """

    reason: str = ""
    more: bool = False


class InteractionStatus(Event, frozen=True):
    """IN_PROGRESS or IDLE; a thinking model takes several turns in one interaction."""

    status: str


class WaitingForInput(Event, frozen=True):
    """The model stays silent because it expects more from the user."""


class VoiceActivity(Event, frozen=True):
    """The user began or ended speaking, `offset_ms` after the start of the input audio."""

    active: bool
    offset_ms: int = 0


class ToolCall(Event, frozen=True):
    """Calls to run, each answered by its id."""

    calls: tuple[FunctionCall, ...]


class ToolCallCancellation(Event, frozen=True):
    """Calls whose answer is not wanted any more."""

    ids: tuple[str, ...]


class GoAway(Event, frozen=True):
    """The connection ends in `time_left` seconds; `deadline` is the same on the session's clock."""

    time_left: float
    deadline: float


class ResumptionUpdate(Event, frozen=True):
    """`handle` resumes the session; it is empty while the session is not `resumable`.

    `last_consumed` counts our messages after the setup that the handle holds (Vertex AI, when
    transparent resumption is on).
    """

    handle: str
    resumable: bool
    last_consumed: int | None = None


# The `code` of a rotation that the service asked for.
GO_AWAY = "go_away"


class Connected(Event, frozen=True):
    """The session is ready on a new connection; it comes right after `Ready`.

    `renewed`: the session before could not be resumed, and this one knows only what it was told
    of it. `gap` is for how long there was no connection, in seconds, and `audio_dropped_bytes`
    what was lost meanwhile of the user's sound, in bytes of PCM; both are 0 at the first.
    """

    renewed: bool = False
    gap: float = 0.0
    audio_dropped_bytes: int = 0


class Disconnected(Event, frozen=True):
    """There is no connection for now: an answer that was still coming is cut.

    `code` is the one of the `LiveError` behind it, or `GO_AWAY` when the service asked for it.
    What is sent is held until `Connected`.
    """

    code: str
