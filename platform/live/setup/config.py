"""What a session is to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from live.messages import (
    AudioTranscriptionConfig,
    AvatarConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SafetySetting,
    ThinkingConfig,
    Tool,
    TranslationConfig,
    VoiceConfig,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """What a session is to be. What is left out is the service's to choose.

    No current Live model answers in TEXT: a text chat is AUDIO with output transcription.

    * `voice` is the name of a prebuilt voice, or a `VoiceConfig`.
    * `input_transcription` and `output_transcription` are on, off, or on with options.
    * `compression` lets a session outlive its context window; the thresholds are in tokens. The
      whole context is billed again on each turn, so they are a question of cost too.
    * `resumption` asks for handles. `transparent` (Vertex AI only) asks to be told as well which
      messages a handle holds.
    * `history_in_client_content`: the first clientContent is history, up to its turn_complete,
      and is not answered.
    * `tools` are `Tool` objects, or JSON that is checked and passed on as it is.
    * `explicit_vad_signal` and a safety setting's `method` are for Vertex AI only, `labels` for
      the Developer API only.
    """

    model: str
    system_instruction: str = field(default="", repr=False)
    modalities: tuple[str, ...] = ("AUDIO",)
    tools: tuple[Tool | Mapping[str, Any], ...] = field(default=(), repr=False)

    voice: str | VoiceConfig = ""
    language_code: str = ""
    input_transcription: bool | AudioTranscriptionConfig = True
    output_transcription: bool | AudioTranscriptionConfig = True
    realtime_input: RealtimeInputConfig | None = None
    explicit_vad_signal: bool = False

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    media_resolution: str = ""
    thinking: ThinkingConfig | None = None
    affective_dialog: bool = False
    proactivity: ProactivityConfig | None = None
    translation: TranslationConfig | None = None
    avatar: AvatarConfig | None = None
    safety_settings: tuple[SafetySetting, ...] = ()

    compression: bool = True
    compression_trigger_tokens: int | None = None
    compression_target_tokens: int | None = None
    resumption: bool = True
    transparent: bool = False
    history_in_client_content: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def manual_activity(self) -> bool:
        """Whether the client says when the user speaks, and not the service."""
        detection = self.realtime_input and self.realtime_input.automatic_activity_detection
        return bool(detection and detection.disabled)
