"""The first message of a connection."""

from __future__ import annotations

from live.endpoint import Endpoint
from live.messages import (
    AudioTranscriptionConfig,
    ClientMessage,
    ContextWindowCompression,
    GenerationConfig,
    HistoryConfig,
    PrebuiltVoiceConfig,
    SessionResumptionConfig,
    Setup,
    SlidingWindow,
    SpeechConfig,
    VoiceConfig,
    text_content,
)
from live.setup.config import SessionConfig
from live.setup.rules import check


def setup_message(config: SessionConfig, endpoint: Endpoint, handle: str) -> ClientMessage:
    """The first message of a connection. `handle` resumes a session; empty begins a new one.

    Raises as `check`, and `CallerError` when the model's name is none.
    """
    check(config, endpoint)
    instruction = config.system_instruction
    setup = Setup(
        model=endpoint.model_name(config.model),
        generation_config=_generation(config),
        system_instruction=text_content("user", instruction) if instruction else None,
        tools=list(config.tools),
        realtime_input_config=config.realtime_input,
        session_resumption=_resumption(config, handle),
        context_window_compression=_compression(config),
        input_audio_transcription=_transcription(config.input_transcription),
        output_audio_transcription=_transcription(config.output_transcription),
        proactivity=config.proactivity,
        history_config=HistoryConfig(True) if config.history_in_client_content else None,
        avatar_config=config.avatar,
        explicit_vad_signal=config.explicit_vad_signal,
        safety_settings=list(config.safety_settings),
        labels=dict(config.labels),
    )
    return ClientMessage(setup=setup)


def _generation(config: SessionConfig) -> GenerationConfig:
    return GenerationConfig(
        response_modalities=list(config.modalities),
        candidate_count=config.candidate_count,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        max_output_tokens=config.max_output_tokens,
        seed=config.seed,
        media_resolution=config.media_resolution,
        speech_config=_speech(config),
        thinking_config=config.thinking,
        translation_config=config.translation,
        enable_affective_dialog=config.affective_dialog,
    )


def _speech(config: SessionConfig) -> SpeechConfig | None:
    if not config.voice and not config.language_code:
        return None
    return SpeechConfig(voice_config=_voice(config.voice), language_code=config.language_code)


def _voice(voice: str | VoiceConfig) -> VoiceConfig | None:
    if isinstance(voice, VoiceConfig):
        return voice
    return VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice)) if voice else None


def _resumption(config: SessionConfig, handle: str) -> SessionResumptionConfig | None:
    if not config.resumption and not handle:
        return None
    return SessionResumptionConfig(handle=handle, transparent=config.transparent)


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


def _transcription(wanted: bool | AudioTranscriptionConfig) -> AudioTranscriptionConfig | None:
    if isinstance(wanted, AudioTranscriptionConfig):
        return wanted
    return AudioTranscriptionConfig() if wanted else None
