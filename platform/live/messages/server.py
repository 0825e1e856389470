"""Server messages."""

from __future__ import annotations

import msgspec

from live.messages.base import Detail, Message
from live.messages.content import Content, FunctionCall
from live.messages.grounding import GroundingMetadata, UrlContextMetadata
from live.messages.setup import VoiceConsentSignature


class SetupComplete(Message, frozen=True):
    """Vertex AI adds the session's id; the signature comes after a consent to use a voice."""

    session_id: str = ""
    voice_consent_signature: VoiceConsentSignature | None = None


class WordInfo(Detail, frozen=True):
    """One word; the offsets are Durations from the start of the input."""

    word: str = ""
    start_offset: str = ""
    end_offset: str = ""


class Transcription(Message, frozen=True):
    """A piece of a transcript, to be appended to the pieces before."""

    text: str = ""
    finished: bool = False
    language_code: str = ""
    speaker_label: str = ""
    words: list[WordInfo] = msgspec.field(default_factory=list)
    start_offset: str = ""
    end_offset: str = ""


class ServerContent(Message, frozen=True):
    """What the model says, and where its turn stands."""

    model_turn: Content | None = None
    generation_complete: bool = False
    turn_complete: bool = False
    turn_complete_reason: str = ""
    interrupted: bool = False
    input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    waiting_for_input: bool = False
    interaction_status: str = ""
    grounding_metadata: GroundingMetadata | None = None
    url_context_metadata: UrlContextMetadata | None = None


class ToolCallMessage(Message, frozen=True):
    function_calls: list[FunctionCall] = msgspec.field(default_factory=list)


class ToolCallCancellationMessage(Message, frozen=True):
    ids: list[str] = msgspec.field(default_factory=list)


class GoAwayMessage(Message, frozen=True):
    """`time_left` is a protobuf Duration such as `9.500s`."""

    time_left: str = ""


class SessionResumptionUpdate(Message, frozen=True):
    """An empty update means: not resumable just now."""

    new_handle: str = ""
    resumable: bool = False
    last_consumed_client_message_index: int | None = None


class ModalityTokenCount(Detail, frozen=True):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(Message, frozen=True):
    """Counters of one turn. The prompt holds the whole context again.

    Vertex AI names the counters of the answer `candidates…`, the Developer API `response…`.
    """

    prompt_token_count: int = 0
    cached_content_token_count: int = 0
    response_token_count: int = 0
    candidates_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: int = 0
    prompt_tokens_details: list[ModalityTokenCount] = msgspec.field(default_factory=list)
    cache_tokens_details: list[ModalityTokenCount] = msgspec.field(default_factory=list)
    response_tokens_details: list[ModalityTokenCount] = msgspec.field(default_factory=list)
    candidates_tokens_details: list[ModalityTokenCount] = msgspec.field(default_factory=list)
    tool_use_prompt_tokens_details: list[ModalityTokenCount] = msgspec.field(default_factory=list)
    service_tier: str = ""
    traffic_type: str = ""


class VoiceActivityMessage(Message, frozen=True):
    """`type` is ACTIVITY_START or ACTIVITY_END; the offset counts from the start of the input."""

    type: str = ""
    audio_offset: str = ""


class VoiceActivityDetectionSignal(Message, frozen=True):
    """Vertex AI's older form, on request: VAD_SIGNAL_TYPE_SOS or VAD_SIGNAL_TYPE_EOS."""

    vad_signal_type: str = ""


class ServerMessage(Message, frozen=True):
    """One message from the service. Several fields may be set at once, or none."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCallMessage | None = None
    tool_call_cancellation: ToolCallCancellationMessage | None = None
    usage_metadata: UsageMetadata | None = None
    go_away: GoAwayMessage | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivityMessage | None = None
    voice_activity_detection_signal: VoiceActivityDetectionSignal | None = None
