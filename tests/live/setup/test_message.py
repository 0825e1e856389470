import json
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import CallerError, InvalidRequest
from live.messages import (
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    AvatarConfig,
    CustomizedAvatar,
    ProactivityConfig,
    RealtimeInputConfig,
    ReplicatedVoiceConfig,
    SafetySetting,
    ThinkingConfig,
    TranslationConfig,
    VoiceConfig,
)
from live.setup import SessionConfig, setup_message
from live.wire import encode
from tests.live.samples import sample

BARE: dict[str, Any] = {
    "input_transcription": False,
    "output_transcription": False,
    "compression": False,
    "resumption": False,
}

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "us-central1")
MODEL = "gemini-3.8-live"


def setup(config: SessionConfig, endpoint: Endpoint = DEVELOPER, handle: str = "") -> Any:
    return json.loads(encode(setup_message(config, endpoint, handle)))["setup"]


def test_the_usual_setup() -> None:
    assert setup(SessionConfig(model=MODEL)) == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }


def test_a_recorded_setup_comes_out_the_same() -> None:
    config = SessionConfig(
        model=MODEL,
        voice="Kore",
        system_instruction="You are a booking assistant.",
        compression_trigger_tokens=25_000,
        compression_target_tokens=8_000,
    )
    assert setup(config) == sample("setup.audio")["setup"]


def test_everything_can_be_left_out() -> None:
    config = SessionConfig(
        model=MODEL,
        input_transcription=False,
        output_transcription=False,
        compression=False,
        resumption=False,
    )
    assert setup(config).keys() == {"model", "generationConfig"}


def test_options_of_the_answer() -> None:
    config = SessionConfig(
        model=MODEL,
        temperature=0.0,
        max_output_tokens=512,
        language_code="de-DE",
        tools=({"googleSearch": {}},),
    )
    sent = setup(config)
    assert sent["tools"] == [{"googleSearch": {}}]
    assert sent["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "temperature": 0.0,
        "maxOutputTokens": 512,
        "speechConfig": {"languageCode": "de-DE"},
    }


def test_a_handle_resumes_even_where_new_handles_are_not_wanted() -> None:
    config = SessionConfig(model=MODEL, resumption=False)
    assert setup(config, handle="h1")["sessionResumption"] == {"handle": "h1"}


def test_transparent_resumption_is_for_vertex_ai_only() -> None:
    config = SessionConfig(model=MODEL, transparent=True)
    with pytest.raises(InvalidRequest):
        setup(config)
    assert setup(config, VERTEX)["sessionResumption"] == {"transparent": True}


def test_vertex_ai_has_full_names() -> None:
    assert setup(SessionConfig(model=MODEL), VERTEX)["model"] == (
        "projects/p1/locations/us-central1/publishers/google/models/gemini-3.8-live"
    )


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(CallerError):
        setup(SessionConfig(model="no model"))


FULL = SessionConfig(
    model=MODEL,
    voice="Puck",
    language_code="en-US",
    system_instruction="Be terse.",
    temperature=0.7,
    top_p=0.9,
    top_k=40,
    max_output_tokens=512,
    seed=7,
    media_resolution="MEDIA_RESOLUTION_LOW",
    tools=tuple(sample("setup.full")["setup"]["tools"]),
    realtime_input=RealtimeInputConfig(
        AutomaticActivityDetection(
            start_of_speech_sensitivity="START_SENSITIVITY_HIGH",
            end_of_speech_sensitivity="END_SENSITIVITY_LOW",
            prefix_padding_ms=20,
            silence_duration_ms=500,
        ),
        activity_handling="START_OF_ACTIVITY_INTERRUPTS",
        turn_coverage="TURN_INCLUDES_ONLY_ACTIVITY",
    ),
    compression_trigger_tokens=25_000,
    compression_target_tokens=8_000,
    safety_settings=(SafetySetting("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH"),),
)


def test_the_javascript_sdk_s_full_setup_comes_out_the_same() -> None:
    recorded = sample("setup.full")["setup"]
    del recorded["realtimeInputConfig"]["automaticActivityDetection"]["disabled"]  # the default
    assert setup(FULL) == recorded


RECORDED: list[tuple[str, Endpoint, str, dict[str, Any]]] = [
    (
        "setup.thinking",
        DEVELOPER,
        "gemini-3.8-live-extended-thinking",
        {"thinking": ThinkingConfig(True, thinking_level="LOW")},
    ),
    (
        "setup.native_25",
        Endpoint.developer(version="v1alpha"),
        "gemini-2.5-flash-native-audio-preview-12-2025",
        {
            "affective_dialog": True,
            "thinking": ThinkingConfig(thinking_budget=0),
            "proactivity": ProactivityConfig(proactive_audio=True),
        },
    ),
    (
        "setup.translate",
        DEVELOPER,
        "gemini-3.5-live-translate-preview",
        {
            "translation": TranslationConfig("es", echo_target_language=True),
            "input_transcription": True,
            "output_transcription": True,
        },
    ),
    (
        "setup.transcribe",
        DEVELOPER,
        "gemini-3.5-transcribe-live",
        {
            "modalities": ("TEXT",),
            "input_transcription": AudioTranscriptionConfig(
                ["en-US"], custom_vocabulary=["Channels"], mode="VERBATIM"
            ),
            "realtime_input": RealtimeInputConfig(AutomaticActivityDetection(disabled=True)),
        },
    ),
    (
        "setup.history_seed",
        DEVELOPER,
        "gemini-3.1-flash-live-preview",
        {"history_in_client_content": True},
    ),
]


@pytest.mark.parametrize(
    ("kind", "endpoint", "model", "options"), RECORDED, ids=[row[0] for row in RECORDED]
)
def test_recorded_options_come_out_the_same(
    kind: str, endpoint: Endpoint, model: str, options: dict[str, Any]
) -> None:
    config = SessionConfig(model=model, **(BARE | options))
    assert setup(config, endpoint) == sample(kind)["setup"]


def test_a_recorded_setup_of_vertex_ai_comes_out_the_same() -> None:
    config = SessionConfig(
        model=MODEL, **(BARE | {"resumption": True}), transparent=True, explicit_vad_signal=True
    )
    assert setup(config, VERTEX, "h1") == sample("setup.vertex_transparent")["setup"]


def test_a_face_and_a_voice_of_one_s_own() -> None:
    config = SessionConfig(
        model="gemini-9-live",
        modalities=("VIDEO",),
        avatar=AvatarConfig(
            customized_avatar=CustomizedAvatar("image/png", b"\0"), video_bitrate_bps=9
        ),
        voice=VoiceConfig(replicated_voice_config=ReplicatedVoiceConfig("audio/wav", b"\0")),
        labels={"team": "a"},
        **BARE,
    )
    assert setup(config) == {
        "model": "models/gemini-9-live",
        "generationConfig": {
            "responseModalities": ["VIDEO"],
            "speechConfig": {
                "voiceConfig": {
                    "replicatedVoiceConfig": {"mimeType": "audio/wav", "voiceSampleAudio": "AA=="}
                }
            },
        },
        "avatarConfig": {
            "customizedAvatar": {"imageMimeType": "image/png", "imageData": "AA=="},
            "videoBitrateBps": 9,
        },
        "labels": {"team": "a"},
    }
