"""From messages to events.

What was said comes before what ends it, and the usage before the end of its turn, whatever the
order of the names in the message. What has no event of its own is told by `is_shown`.
"""

from __future__ import annotations

from live.audio import rate_of
from live.events.answer import (
    Audio,
    CodeExecutionResult,
    ExecutableCode,
    FileData,
    Grounding,
    InlineData,
    InputTranscript,
    InterimInputTranscript,
    OutputTranscript,
    Text,
    Thought,
    ThoughtSignature,
    Transcript,
    UrlContext,
)
from live.events.base import Event
from live.events.progress import (
    GenerationComplete,
    GoAway,
    InteractionStatus,
    Interrupted,
    Ready,
    ResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    TurnComplete,
    VoiceActivity,
    WaitingForInput,
)
from live.events.usage import usage_of
from live.messages import (
    Blob,
    Part,
    ServerContent,
    ServerMessage,
    SessionResumptionUpdate,
    SetupComplete,
    Transcription,
)
from live.wire import seconds

_ACTIVITY = {"ACTIVITY_START": True, "ACTIVITY_END": False}
_VAD_SIGNAL = {"VAD_SIGNAL_TYPE_SOS": True, "VAD_SIGNAL_TYPE_EOS": False}


def events_of(message: ServerMessage, now: float) -> list[Event]:
    """The events of one message, in the order in which they make sense. `now` is in seconds.

    Raises `ProtocolError` for a malformed duration.
    """
    events: list[Event] = []
    if message.setup_complete is not None:
        events.append(_ready(message.setup_complete))
    content = message.server_content
    if content is not None:
        _add_spoken(content, events)
        _add_progress(content, events)
    if message.usage_metadata is not None:
        events.append(usage_of(message.usage_metadata))
    if content is not None and content.turn_complete:
        more = content.interaction_status not in {"", "IDLE"}
        events.append(TurnComplete(content.turn_complete_reason, more))
    _add_activity(message, events)
    _add_signals(message, events, now)
    return events


def is_shown(message: ServerMessage) -> bool:
    """Whether the events of a message show all that it holds."""
    activity = message.voice_activity
    if activity is not None and activity.type not in _ACTIVITY:
        return False
    signal = message.voice_activity_detection_signal
    if signal is not None and signal.vad_signal_type not in _VAD_SIGNAL:
        return False
    content = message.server_content
    if content is None or content.model_turn is None:
        return True
    return all(
        part.function_call is None
        and part.function_response is None
        and part.video_metadata is None
        and part.media_resolution is None
        for part in content.model_turn.parts
    )


# -- What was said ---------------------------------------------------------------------------------


def _add_spoken(content: ServerContent, events: list[Event]) -> None:
    if heard := content.input_transcription:
        _add_transcript(heard, InputTranscript, events)
    if interim := content.interim_input_transcription:
        _add_transcript(interim, InterimInputTranscript, events)
    if content.model_turn is not None:
        for part in content.model_turn.parts:
            _add_part(part, events)
    if said := content.output_transcription:
        _add_transcript(said, OutputTranscript, events)
    if content.grounding_metadata is not None:
        events.append(Grounding(content.grounding_metadata))
    if content.url_context_metadata is not None:
        events.append(UrlContext(content.url_context_metadata))


def _add_transcript(piece: Transcription, kind: type[Transcript], events: list[Event]) -> None:
    if piece != _NOTHING:
        events.append(
            kind(
                piece.text,
                piece.finished,
                piece.language_code,
                piece.speaker_label,
                tuple(piece.words),
                piece.start_offset,
                piece.end_offset,
            )
        )


_NOTHING = Transcription()  # Vertex AI sends empty ones


def _add_part(part: Part, events: list[Event]) -> None:
    if part.inline_data is not None:
        events.append(_media(part.inline_data))
    if part.text:
        events.append(Thought(part.text) if part.thought else Text(part.text))
    if code := part.executable_code:
        events.append(ExecutableCode(code.code, code.language, code.id))
    if result := part.code_execution_result:
        events.append(CodeExecutionResult(result.outcome, result.output, result.id))
    if file := part.file_data:
        events.append(FileData(file.file_uri, file.mime_type, file.display_name))
    if part.thought_signature:
        events.append(ThoughtSignature(part.thought_signature))


def _media(blob: Blob) -> Event:
    rate = rate_of(blob.mime_type)
    if rate:
        return Audio(blob.data, rate)
    return InlineData(blob.data, blob.mime_type, blob.display_name)


# -- Where things stand ---------------------------------------------------------------------------


def _ready(complete: SetupComplete) -> Ready:
    consent = complete.voice_consent_signature
    return Ready(complete.session_id, consent.signature if consent else "")


def _add_progress(content: ServerContent, events: list[Event]) -> None:
    if content.generation_complete:
        events.append(GenerationComplete())
    if content.interrupted:
        events.append(Interrupted())
    if content.waiting_for_input:
        events.append(WaitingForInput())
    if content.interaction_status:
        events.append(InteractionStatus(content.interaction_status))


def _add_activity(message: ServerMessage, events: list[Event]) -> None:
    if (activity := message.voice_activity) and activity.type in _ACTIVITY:
        offset_ms = round(seconds(activity.audio_offset) * 1000)
        events.append(VoiceActivity(_ACTIVITY[activity.type], offset_ms))
    signal = message.voice_activity_detection_signal
    if signal is not None and signal.vad_signal_type in _VAD_SIGNAL:
        events.append(VoiceActivity(_VAD_SIGNAL[signal.vad_signal_type]))


def _add_signals(message: ServerMessage, events: list[Event], now: float) -> None:
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
