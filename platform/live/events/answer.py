"""What was said, both ways, and all else that an answer is made of."""

from __future__ import annotations

from live.events.base import Event
from live.messages import GroundingMetadata, UrlContextMetadata, WordInfo


class Audio(Event, frozen=True):
    """A piece of the answer's sound: PCM16 little-endian mono at `rate` Hz."""

    data: bytes
    rate: int


class InlineData(Event, frozen=True):
    """Data in the answer that is no PCM: a picture, a frame of an avatar, other sound."""

    data: bytes
    mime_type: str
    display_name: str = ""


class FileData(Event, frozen=True):
    """Media in the answer, by its address."""

    file_uri: str
    mime_type: str = ""
    display_name: str = ""


class Text(Event, frozen=True):
    """Text that a TEXT model answers."""

    text: str


class Thought(Event, frozen=True):
    """A summary of the model's thinking; not part of the answer."""

    text: str


class ThoughtSignature(Event, frozen=True):
    """Belongs to the part right before it; opaque, to be sent back with it in a history."""

    signature: bytes


class ExecutableCode(Event, frozen=True):
    """Code that the model has run at Google; `language` is PYTHON."""

    code: str
    language: str = ""
    id: str = ""


class CodeExecutionResult(Event, frozen=True):
    """What the code said; `outcome` is OUTCOME_OK, …_FAILED or …_DEADLINE_EXCEEDED."""

    outcome: str
    output: str = ""
    id: str = ""


class Grounding(Event, frozen=True):
    """What the answer is based on."""

    metadata: GroundingMetadata


class UrlContext(Event, frozen=True):
    """Which pages the model looked at."""

    metadata: UrlContextMetadata


class Transcript(Event, frozen=True):
    """A piece of a transcript, to be appended to the pieces before.

    `finished` may come with the last piece, alone, or never. What follows it is set by the
    transcribe model only; offsets are Durations from the start of the input, as they came.
    """

    text: str
    finished: bool = False
    language_code: str = ""
    speaker_label: str = ""
    words: tuple[WordInfo, ...] = ()
    start_offset: str = ""
    end_offset: str = ""


class OutputTranscript(Transcript, frozen=True):
    """What the model says in its audio."""


class InputTranscript(Transcript, frozen=True):
    """What the user was heard to say. No order against the answer is promised."""


class InterimInputTranscript(Transcript, frozen=True):
    """What was heard so far, as a whole: replaces the one before."""
