"""The setup: what a session is to be, and the first message that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live.endpoint import Endpoint
from live.messages import (
    AudioTranscriptionConfig,
    ClientMessage,
    ContextWindowCompression,
    GenerationConfig,
    PrebuiltVoiceConfig,
    SessionResumptionConfig,
    Setup,
    SlidingWindow,
    SpeechConfig,
    VoiceConfig,
    text_content,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """What a session is to be.

    No current Live model answers in TEXT: a text chat is AUDIO with output transcription.
    `compression` lets a session outlive its context window; the thresholds are in tokens, and
    `None` leaves them to the service. The whole context is billed again on each turn, so they are
    a question of cost too. `resumption` asks for handles. `transparent` (Vertex AI only, left out
    elsewhere) asks to be told which messages a handle holds. `tools` are passed on as they are.
    """

    model: str
    system_instruction: str = ""
    voice: str = ""
    language_code: str = ""
    modalities: tuple[str, ...] = ("AUDIO",)
    input_transcription: bool = True
    output_transcription: bool = True
    temperature: float | None = None
    max_output_tokens: int | None = None
    compression: bool = True
    compression_trigger_tokens: int | None = None
    compression_target_tokens: int | None = None
    resumption: bool = True
    transparent: bool = False
    tools: tuple[Mapping[str, Any], ...] = ()


def setup_message(config: SessionConfig, endpoint: Endpoint, handle: str) -> ClientMessage:
    """The first message of a connection. `handle` resumes a session; empty begins a new one.

    Raises `CallerError` when the model's name is none.
    """
    instruction = config.system_instruction
    setup = Setup(
        model=endpoint.model_name(config.model),
        generation_config=_generation(config),
        system_instruction=text_content("user", instruction) if instruction else None,
        tools=list(config.tools),
        session_resumption=_resumption(config, endpoint, handle),
        context_window_compression=_compression(config),
        input_audio_transcription=_present(config.input_transcription),
        output_audio_transcription=_present(config.output_transcription),
    )
    return ClientMessage(setup=setup)


def _generation(config: SessionConfig) -> GenerationConfig:
    return GenerationConfig(
        response_modalities=list(config.modalities),
        temperature=config.temperature,
        max_output_tokens=config.max_output_tokens,
        speech_config=_speech(config),
    )


def _speech(config: SessionConfig) -> SpeechConfig | None:
    if not config.voice and not config.language_code:
        return None
    voice = VoiceConfig(PrebuiltVoiceConfig(config.voice)) if config.voice else None
    return SpeechConfig(voice_config=voice, language_code=config.language_code)


def _resumption(
    config: SessionConfig, endpoint: Endpoint, handle: str
) -> SessionResumptionConfig | None:
    if not config.resumption and not handle:
        return None
    transparent = config.transparent and endpoint.is_vertex
    return SessionResumptionConfig(handle=handle, transparent=transparent)


def _compression(config: SessionConfig) -> ContextWindowCompression | None:
    if not config.compression:
        return None
    # Without a sliding window no mechanism is chosen, and nothing is compressed.
    return ContextWindowCompression(
        trigger_tokens=_int64(config.compression_trigger_tokens),
        sliding_window=SlidingWindow(_int64(config.compression_target_tokens)),
    )


def _int64(number: int | None) -> str:
    return "" if number is None else str(number)


def _present(wanted: bool) -> AudioTranscriptionConfig | None:
    return AudioTranscriptionConfig() if wanted else None
