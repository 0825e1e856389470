"""What a session tells its owner: one small immutable object for each fact.

Transcripts and audio come in pieces, to be appended in order. `repr` shows no word that was said.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from live.audio import rate_of
from live.messages import (
    FunctionCall,
    ModalityTokenCount,
    Part,
    ServerContent,
    ServerMessage,
    SessionResumptionUpdate,
    UsageMetadata,
)
from live.wire import seconds


class Event(msgspec.Struct, frozen=True):
    """Base of all events."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Ready(Event, frozen=True):
    """The setup was accepted. `session_id` is empty on the Developer API."""

    session_id: str = ""


class Audio(Event, frozen=True):
    """A piece of the answer's sound: PCM16 little-endian mono at `rate` Hz."""

    data: bytes
    rate: int


class OutputTranscript(Event, frozen=True):
    """What the model says in its audio. `finished` may come alone, or never."""

    text: str
    finished: bool = False


class InputTranscript(Event, frozen=True):
    """What the user was heard to say. No order against the answer is promised."""

    text: str
    finished: bool = False


class InterimInputTranscript(Event, frozen=True):
    """What was heard so far; replaces the one before."""

    text: str


class Text(Event, frozen=True):
    """Text that a TEXT model answers."""

    text: str


class Thought(Event, frozen=True):
    """A summary of the model's thinking; not part of the answer."""

    text: str


class GenerationComplete(Event, frozen=True):
    """All of the answer has been sent; it may still be playing."""


class Interrupted(Event, frozen=True):
    """The user spoke over the answer: drop what is queued for playback."""


class TurnComplete(Event, frozen=True):
    """The model's turn is over, playback included. `reason` is empty after a normal turn."""

    reason: str = ""


class InteractionStatus(Event, frozen=True):
    """IN_PROGRESS or IDLE; a thinking model takes several turns in one interaction."""

    status: str


class WaitingForInput(Event, frozen=True):
    """The model stays silent because it expects more from the user."""


class Usage(Event, frozen=True):
    """Tokens of one turn; the prompt counts the whole context again.

    The details give the tokens by modality (TEXT, AUDIO, …).
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    response_tokens: int = 0
    tool_use_tokens: int = 0
    thoughts_tokens: int = 0
    total_tokens: int = 0
    prompt_details: Mapping[str, int] = {}
    response_details: Mapping[str, int] = {}


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


class VoiceActivity(Event, frozen=True):
    """The user began or ended speaking, `offset_ms` after the start of the input audio."""

    active: bool
    offset_ms: int = 0


class Unknown(Event, frozen=True):
    """A message that holds something the other events do not show, as it came."""

    raw: bytes


# -- From messages to events ---------------------------------------------------------------------


def events_of(message: ServerMessage, now: float) -> list[Event]:
    """The events of one message, in the order in which they make sense.

    What was said comes before what ends it, and the usage before the end of its turn. Parts that
    have no event of their own are not in the list: `is_shown` tells. `now` is in seconds.

    Raises `ProtocolError` for a malformed duration.
    """
    events: list[Event] = []
    if message.setup_complete is not None:
        events.append(Ready(message.setup_complete.session_id))
    content = message.server_content
    if content is not None:
        _add_spoken(content, events)
        _add_progress(content, events)
    if message.usage_metadata is not None:
        events.append(_usage(message.usage_metadata))
    if content is not None and content.turn_complete:
        events.append(TurnComplete(content.turn_complete_reason))
    _add_signals(message, events, now)
    return events


def is_shown(message: ServerMessage) -> bool:
    """Whether the events of a message show all that it holds."""
    if message.setup_complete is not None and message.setup_complete.voice_consent_signature:
        return False
    if message.tool_call is not None:
        return not any(call.partial_args for call in message.tool_call.function_calls)
    content = message.server_content
    if content is None:
        return True
    if content.grounding_metadata or content.url_context_metadata:
        return False
    return content.model_turn is None or all(map(_is_part_shown, content.model_turn.parts))


def _is_part_shown(part: Part) -> bool:
    if part.inline_data is not None and rate_of(part.inline_data.mime_type) is None:
        return False
    hidden = (
        part.executable_code,
        part.code_execution_result,
        part.file_data,
        part.function_call,
        part.function_response,
    )
    return not any(hidden)


def _add_spoken(content: ServerContent, events: list[Event]) -> None:
    if (heard := content.input_transcription) and (heard.text or heard.finished):
        events.append(InputTranscript(heard.text, heard.finished))
    if interim := content.interim_input_transcription:
        events.append(InterimInputTranscript(interim.text))
    if content.model_turn is not None:
        events.extend(filter(None, map(_part, content.model_turn.parts)))
    if (said := content.output_transcription) and (said.text or said.finished):
        events.append(OutputTranscript(said.text, said.finished))


def _part(part: Part) -> Event | None:
    if blob := part.inline_data:
        rate = rate_of(blob.mime_type)
        return Audio(blob.data, rate) if rate else None
    if not part.text:
        return None
    return Thought(part.text) if part.thought else Text(part.text)


def _add_progress(content: ServerContent, events: list[Event]) -> None:
    if content.generation_complete:
        events.append(GenerationComplete())
    if content.interrupted:
        events.append(Interrupted())
    if content.waiting_for_input:
        events.append(WaitingForInput())
    if content.interaction_status:
        events.append(InteractionStatus(content.interaction_status))


def _add_signals(message: ServerMessage, events: list[Event], now: float) -> None:
    if activity := message.voice_activity:
        offset_ms = round(seconds(activity.audio_offset) * 1000)
        events.append(VoiceActivity(activity.type == "ACTIVITY_START", offset_ms))
    if signal := message.voice_activity_detection_signal:
        events.append(VoiceActivity(signal.vad_signal_type == "VAD_SIGNAL_TYPE_SOS"))
    if call := message.tool_call:
        events.append(ToolCall(tuple(call.function_calls)))
    if cancellation := message.tool_call_cancellation:
        events.append(ToolCallCancellation(tuple(cancellation.ids)))
    if update := message.session_resumption_update:
        events.append(_resumption(update))
    if go_away := message.go_away:
        time_left = max(0.0, seconds(go_away.time_left))
        events.append(GoAway(time_left, now + time_left))


def _resumption(update: SessionResumptionUpdate) -> ResumptionUpdate:
    return ResumptionUpdate(
        update.new_handle, update.resumable, update.last_consumed_client_message_index
    )


def _usage(usage: UsageMetadata) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_token_count,
        cached_tokens=usage.cached_content_token_count,
        response_tokens=usage.response_token_count or usage.candidates_token_count,
        tool_use_tokens=usage.tool_use_prompt_token_count,
        thoughts_tokens=usage.thoughts_token_count,
        total_tokens=usage.total_token_count,
        prompt_details=_by_modality(usage.prompt_tokens_details),
        response_details=_by_modality(
            usage.response_tokens_details or usage.candidates_tokens_details
        ),
    )


def _by_modality(counts: list[ModalityTokenCount]) -> dict[str, int]:
    return {count.modality: count.token_count for count in counts}
