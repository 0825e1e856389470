"""The Live API's messages, both ways, as msgspec structs.

Names are the protocol's own in snake_case; on the wire they are camelCase. Defaults are left out
on the way, as protobuf JSON does, so an absent object is `None` and an empty one (`{}`) is not.
`msgspec.Raw` holds what we hand on or ignore, undecoded. `live.wire` reads and writes them.

Source: ai.google.dev/api/live, and what both official SDKs send and accept.
"""

from __future__ import annotations

from typing import Any

import msgspec

_NONE = msgspec.Raw()


class Message(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Base of every object on the wire."""


# -- Shared by both directions ------------------------------------------------------------------


class Blob(Message):
    """Raw bytes with their MIME type; base64 on the wire."""

    data: bytes = b""
    mime_type: str = ""
    display_name: str = ""


class Part(Message):
    """One piece of a content; as a rule exactly one of its fields is set."""

    text: str = ""
    inline_data: Blob | None = None
    thought: bool = False
    executable_code: msgspec.Raw = _NONE
    code_execution_result: msgspec.Raw = _NONE
    file_data: msgspec.Raw = _NONE
    function_call: msgspec.Raw = _NONE
    function_response: msgspec.Raw = _NONE
    thought_signature: msgspec.Raw = _NONE
    video_metadata: msgspec.Raw = _NONE
    media_resolution: msgspec.Raw = _NONE


class Content(Message):
    """Parts by one speaker; `role` is `user` or `model`."""

    role: str = ""
    parts: list[Part] = msgspec.field(default_factory=list)


def text_content(role: str, text: str) -> Content:
    """A content that holds one text."""
    return Content(role=role, parts=[Part(text=text)])


class Empty(Message):
    """An object whose presence is its meaning."""


# -- Client to server ---------------------------------------------------------------------------


class PrebuiltVoiceConfig(Message):
    voice_name: str


class VoiceConfig(Message):
    prebuilt_voice_config: PrebuiltVoiceConfig


class SpeechConfig(Message):
    voice_config: VoiceConfig | None = None
    language_code: str = ""


class GenerationConfig(Message):
    response_modalities: list[str] = msgspec.field(default_factory=list)
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    media_resolution: str = ""
    speech_config: SpeechConfig | None = None
    thinking_config: msgspec.Raw = _NONE
    translation_config: msgspec.Raw = _NONE
    enable_affective_dialog: bool = False


class SessionResumptionConfig(Message):
    """`transparent` exists on Vertex AI only."""

    handle: str = ""
    transparent: bool = False


class SlidingWindow(Message):
    """`target_tokens` is an int64, hence a string on the wire."""

    target_tokens: str = ""


class ContextWindowCompression(Message):
    trigger_tokens: str = ""
    sliding_window: SlidingWindow | None = None


class AudioTranscriptionConfig(Message):
    language_codes: list[str] = msgspec.field(default_factory=list)
    custom_vocabulary: list[str] = msgspec.field(default_factory=list)
    mode: str = ""


class Setup(Message):
    """The first message of a connection, sent exactly once."""

    model: str
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: list[Any] = msgspec.field(default_factory=list)
    realtime_input_config: msgspec.Raw = _NONE
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompression | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    history_config: msgspec.Raw = _NONE
    proactivity: msgspec.Raw = _NONE
    explicit_vad_signal: bool = False
    safety_settings: msgspec.Raw = _NONE


class ClientContent(Message):
    """Turns to append to the history; interrupts a running generation."""

    turns: list[Content] = msgspec.field(default_factory=list)
    turn_complete: bool = False


class RealtimeInput(Message):
    """Live input: exactly one of the fields."""

    audio: Blob | None = None
    video: Blob | None = None
    text: str = ""
    audio_stream_end: bool = False
    activity_start: Empty | None = None
    activity_end: Empty | None = None
    media_chunks: list[Blob] = msgspec.field(default_factory=list)


class FunctionResponse(Message):
    """The answer to one call. `output` and `error` are the conventional keys of `response`."""

    id: str = ""
    name: str = ""
    response: dict[str, Any] = msgspec.field(default_factory=dict)
    scheduling: str = ""
    will_continue: bool = False


class ToolResponse(Message):
    function_responses: list[FunctionResponse] = msgspec.field(default_factory=list)


class ClientMessage(Message):
    """One message to the service: exactly one of the fields."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: msgspec.Raw = _NONE


# -- Server to client ---------------------------------------------------------------------------


class SetupComplete(Message):
    """Vertex AI adds the session's id."""

    session_id: str = ""
    voice_consent_signature: msgspec.Raw = _NONE


class Transcription(Message):
    """A piece of a transcript, to be appended to the pieces before."""

    text: str = ""
    finished: bool = False
    language_code: str = ""
    speaker_label: str = ""
    words: msgspec.Raw = _NONE
    start_offset: str = ""
    end_offset: str = ""


class ServerContent(Message):
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
    grounding_metadata: msgspec.Raw = _NONE
    url_context_metadata: msgspec.Raw = _NONE


class FunctionCall(Message):
    """A call of a tool; `id` is opaque."""

    id: str = ""
    name: str = ""
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    partial_args: msgspec.Raw = _NONE
    will_continue: bool = False


class ToolCallMessage(Message):
    function_calls: list[FunctionCall] = msgspec.field(default_factory=list)


class ToolCallCancellationMessage(Message):
    ids: list[str] = msgspec.field(default_factory=list)


class GoAwayMessage(Message):
    """`time_left` is a protobuf Duration such as `9.500s`."""

    time_left: str = ""


class SessionResumptionUpdate(Message):
    """An empty update means: not resumable just now."""

    new_handle: str = ""
    resumable: bool = False
    last_consumed_client_message_index: int | None = None


class ModalityTokenCount(Message):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(Message):
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


class VoiceActivityMessage(Message):
    """`type` is ACTIVITY_START or ACTIVITY_END; the offset counts from the start of the input."""

    type: str = ""
    audio_offset: str = ""


class VoiceActivityDetectionSignal(Message):
    """Vertex AI's older form, on request."""

    vad_signal_type: str = ""


class ServerMessage(Message):
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
