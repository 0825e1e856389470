"""The setup, the first message of a connection, and the objects it is made of.

An int64 is a string on the wire. An enum is its name; `live.setup` knows the names.
"""

from __future__ import annotations

from typing import Any

import msgspec

from live.messages.base import Message
from live.messages.content import Content


class PrebuiltVoiceConfig(Message, frozen=True):
    voice_name: str = ""


class VoiceConsentSignature(Message, frozen=True):
    """Proof of a speaker's consent, to be used again in place of the recording."""

    signature: str = ""


class ReplicatedVoiceConfig(Message, frozen=True):
    """A voice like the one in the sample: WAV or PCM16 at 24 kHz, with the speaker's consent."""

    mime_type: str = ""
    voice_sample_audio: bytes = b""
    consent_audio: bytes = b""
    voice_consent_signature: VoiceConsentSignature | None = None


class VoiceConfig(Message, frozen=True):
    """Exactly one of the fields."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    voice: str = ""


class SpeechConfig(Message, frozen=True):
    voice_config: VoiceConfig | None = None
    language_code: str = ""


class ThinkingConfig(Message, frozen=True):
    """`thinking_budget` in tokens (2.5; 0 is off, -1 the model's choice), or a `thinking_level`
    (3.x: MINIMAL, LOW, MEDIUM, HIGH). `include_thoughts` sends summaries of the thinking."""

    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str = ""


class TranslationConfig(Message, frozen=True):
    """For the live-translate model."""

    target_language_code: str = ""
    echo_target_language: bool = False


class GenerationConfig(Message, frozen=True):
    response_modalities: list[str] = msgspec.field(default_factory=list)
    candidate_count: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    media_resolution: str = ""
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    translation_config: TranslationConfig | None = None
    enable_affective_dialog: bool = False


class AutomaticActivityDetection(Message, frozen=True):
    """When the service takes the user to speak. Padding and silence are in milliseconds.

    With `disabled` the client says it, by activityStart and activityEnd.
    """

    disabled: bool = False
    start_of_speech_sensitivity: str = ""
    end_of_speech_sensitivity: str = ""
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeInputConfig(Message, frozen=True):
    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: str = ""
    turn_coverage: str = ""
    interim_transcript_timestamp_enabled: bool = False


class SessionResumptionConfig(Message, frozen=True):
    """`transparent` exists on Vertex AI only."""

    handle: str = ""
    transparent: bool = False


class SlidingWindow(Message, frozen=True):
    target_tokens: str = ""


class ContextWindowCompression(Message, frozen=True):
    trigger_tokens: str = ""
    sliding_window: SlidingWindow | None = None


class AudioTranscriptionConfig(Message, frozen=True):
    """`mode` is VERBATIM or SMART. All but the language codes is for the transcribe model."""

    language_codes: list[str] = msgspec.field(default_factory=list)
    custom_vocabulary: list[str] = msgspec.field(default_factory=list)
    word_timestamp: bool = False
    diarization: bool = False
    mode: str = ""
    source_text: str = ""
    language_auto: dict[str, Any] | None = None
    language_hints: dict[str, Any] | None = None
    adaptation_phrases: list[str] = msgspec.field(default_factory=list)


class ProactivityConfig(Message, frozen=True):
    """Whether the model may stay silent when it is not addressed."""

    proactive_audio: bool | None = None
    proactive_video: bool | None = None


class HistoryConfig(Message, frozen=True):
    """Whether the first clientContent is history to take over without an answer."""

    initial_history_in_client_content: bool = False


class CustomizedAvatar(Message, frozen=True):
    image_mime_type: str = ""
    image_data: bytes = b""


class AvatarConfig(Message, frozen=True):
    """A face for the answer, with the modality VIDEO. Rates in bits per second."""

    avatar_name: str = ""
    customized_avatar: CustomizedAvatar | None = None
    audio_bitrate_bps: int | None = None
    video_bitrate_bps: int | None = None


class SafetySetting(Message, frozen=True):
    """`method` exists on Vertex AI only."""

    category: str
    threshold: str
    method: str = ""


class Setup(Message, frozen=True):
    """The first message of a connection, sent exactly once.

    `tools` are `Tool` objects, or their JSON as it is.
    """

    model: str
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: list[Any] = msgspec.field(default_factory=list)
    realtime_input_config: RealtimeInputConfig | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompression | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    proactivity: ProactivityConfig | None = None
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    explicit_vad_signal: bool = False
    safety_settings: list[SafetySetting] = msgspec.field(default_factory=list)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
