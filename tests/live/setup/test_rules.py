from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import InvalidRequest, LiveError, ModelError
from live.messages import (
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    AvatarConfig,
    FunctionDeclaration,
    PrebuiltVoiceConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SafetySetting,
    ThinkingConfig,
    Tool,
    VoiceConfig,
)
from live.setup import SessionConfig, check

DEVELOPER = Endpoint.developer()
ALPHA = Endpoint.developer(version="v1alpha")
VERTEX = Endpoint.vertex("p1", "us-central1")

NEW = "gemini-3.8-live"
THINKING = "gemini-3.8-live-extended-thinking"
FLASH = "gemini-3.1-flash-live-preview"
NATIVE = "gemini-2.5-flash-native-audio-latest"
OTHER = "gemini-9-live"


def detection(**options: Any) -> RealtimeInputConfig:
    return RealtimeInputConfig(AutomaticActivityDetection(**options))


def function(behavior: str) -> tuple[Tool, ...]:
    return (Tool([FunctionDeclaration("f", behavior=behavior)]),)


def safety(method: str = "", threshold: str = "BLOCK_NONE") -> tuple[SafetySetting, ...]:
    return (SafetySetting("HARM_CATEGORY_HARASSMENT", threshold, method),)


FACE = AvatarConfig("Kore")
TWO_VOICES = VoiceConfig(PrebuiltVoiceConfig("Kore"), voice="Puck")

# Where, which model, which options, and the code of the refusal.
REFUSED: list[tuple[Endpoint, str, dict[str, Any], str]] = [
    (DEVELOPER, OTHER, {"modalities": ()}, "modality_combination"),
    (DEVELOPER, OTHER, {"modalities": ("AUDIO", "TEXT")}, "modality_combination"),
    (DEVELOPER, OTHER, {"modalities": ("SMELL",)}, "option_malformed"),
    (DEVELOPER, OTHER, {"modalities": ("",)}, "option_malformed"),
    (DEVELOPER, OTHER, {"modalities": ("VIDEO",)}, "option_conflict"),
    (DEVELOPER, OTHER, {"avatar": FACE}, "option_conflict"),
    (DEVELOPER, OTHER, {"voice": TWO_VOICES}, "option_conflict"),
    (
        DEVELOPER,
        OTHER,
        {"thinking": ThinkingConfig(thinking_budget=0, thinking_level="LOW")},
        "option_conflict",
    ),
    (
        DEVELOPER,
        OTHER,
        {"compression": False, "compression_trigger_tokens": 9_000},
        "option_conflict",
    ),
    (
        DEVELOPER,
        OTHER,
        {"compression_trigger_tokens": 9_000, "compression_target_tokens": 9_000},
        "option_conflict",
    ),
    (DEVELOPER, OTHER, {"transparent": True}, "option_unsupported"),
    (VERTEX, OTHER, {"transparent": True, "resumption": False}, "option_conflict"),
    (DEVELOPER, OTHER, {"explicit_vad_signal": True}, "option_unsupported"),
    (DEVELOPER, OTHER, {"safety_settings": safety("SEVERITY")}, "option_unsupported"),
    (VERTEX, OTHER, {"safety_settings": safety("LUCK")}, "option_malformed"),
    (DEVELOPER, OTHER, {"safety_settings": safety(threshold="SOME")}, "option_malformed"),
    (VERTEX, OTHER, {"labels": {"team": "a"}}, "option_unsupported"),
    (VERTEX, OTHER, {"compression_trigger_tokens": 4_999}, "value_out_of_range"),
    (VERTEX, OTHER, {"compression_trigger_tokens": 128_001}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"media_resolution": "LOW"}, "option_malformed"),
    (DEVELOPER, OTHER, {"thinking": ThinkingConfig(thinking_level="low")}, "option_malformed"),
    (
        DEVELOPER,
        OTHER,
        {"realtime_input": RealtimeInputConfig(activity_handling="NONE")},
        "option_malformed",
    ),
    (
        DEVELOPER,
        OTHER,
        {"realtime_input": RealtimeInputConfig(turn_coverage="ALL")},
        "option_malformed",
    ),
    (
        DEVELOPER,
        OTHER,
        {"realtime_input": detection(start_of_speech_sensitivity="HIGH")},
        "option_malformed",
    ),
    (
        DEVELOPER,
        OTHER,
        {"realtime_input": detection(end_of_speech_sensitivity="LOW")},
        "option_malformed",
    ),
    (DEVELOPER, OTHER, {"realtime_input": detection(prefix_padding_ms=-1)}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"realtime_input": detection(silence_duration_ms=-1)}, "value_out_of_range"),
    (
        DEVELOPER,
        OTHER,
        {"input_transcription": AudioTranscriptionConfig(mode="LOUD")},
        "option_malformed",
    ),
    (DEVELOPER, OTHER, {"temperature": 2.1}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"temperature": float("nan")}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"top_p": 1.1}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"max_output_tokens": 0}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"candidate_count": 2}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"thinking": ThinkingConfig(thinking_budget=-2)}, "value_out_of_range"),
    (DEVELOPER, OTHER, {"tools": ({"retrieval": {}},)}, "option_unsupported"),
]

REFUSED_BY_MODEL: list[tuple[Endpoint, str, dict[str, Any], str]] = [
    (DEVELOPER, NEW, {"modalities": ("TEXT",)}, "modality_unsupported"),
    (VERTEX, NEW, {"modalities": ("TEXT",)}, "modality_unsupported"),
    (DEVELOPER, NEW, {"thinking": ThinkingConfig()}, "option_unsupported"),
    (DEVELOPER, NEW, {"affective_dialog": True}, "option_unsupported"),
    (DEVELOPER, NEW, {"proactivity": ProactivityConfig(False)}, "option_unsupported"),
    (
        DEVELOPER,
        THINKING,
        {"thinking": ThinkingConfig(thinking_level="MINIMAL")},
        "option_unsupported",
    ),
    (DEVELOPER, THINKING, {"thinking": ThinkingConfig(thinking_budget=9)}, "option_unsupported"),
    (DEVELOPER, THINKING, {"tools": function("BLOCKING")}, "option_unsupported"),
    (DEVELOPER, FLASH, {"tools": function("NON_BLOCKING")}, "option_unsupported"),
    (DEVELOPER, FLASH, {"proactivity": ProactivityConfig(True)}, "option_unsupported"),
    (DEVELOPER, NATIVE, {"thinking": ThinkingConfig(thinking_level="LOW")}, "option_unsupported"),
    (DEVELOPER, NATIVE, {"affective_dialog": True}, "option_unsupported"),
    (DEVELOPER, NATIVE, {"proactivity": ProactivityConfig(True)}, "option_unsupported"),
]

TAKEN: list[tuple[Endpoint, str, dict[str, Any]]] = [
    (DEVELOPER, NEW, {"tools": function("BLOCKING"), "proactivity": ProactivityConfig(True)}),
    (DEVELOPER, THINKING, {"thinking": ThinkingConfig(True, thinking_level="HIGH")}),
    (DEVELOPER, FLASH, {"thinking": ThinkingConfig(thinking_level="MINIMAL")}),
    (ALPHA, NATIVE, {"affective_dialog": True, "proactivity": ProactivityConfig(True)}),
    (VERTEX, "gemini-live-2.5-flash-native-audio", {"affective_dialog": True}),
    (DEVELOPER, OTHER, {"modalities": ("TEXT",), "thinking": ThinkingConfig(thinking_budget=-1)}),
    (DEVELOPER, OTHER, {"modalities": ("VIDEO",), "avatar": FACE}),
    (DEVELOPER, OTHER, {"labels": {"team": "a"}, "safety_settings": safety()}),
    (VERTEX, OTHER, {"transparent": True, "explicit_vad_signal": True}),
    (VERTEX, OTHER, {"safety_settings": safety("PROBABILITY")}),
    (VERTEX, OTHER, {"compression_trigger_tokens": 5_000, "compression_target_tokens": 0}),
    (DEVELOPER, OTHER, {"temperature": 0, "top_p": 1, "top_k": 40, "seed": -7}),
    (DEVELOPER, OTHER, {"realtime_input": detection(disabled=True, prefix_padding_ms=0)}),
]


def refusal(endpoint: Endpoint, model: str, options: dict[str, Any]) -> LiveError:
    with pytest.raises(LiveError) as caught:
        check(SessionConfig(model=model, **options), endpoint)
    return caught.value


@pytest.mark.parametrize(("endpoint", "model", "options", "code"), REFUSED)
def test_what_cannot_work_anywhere_is_refused(
    endpoint: Endpoint, model: str, options: dict[str, Any], code: str
) -> None:
    error = refusal(endpoint, model, options)
    assert isinstance(error, InvalidRequest)
    assert error.code == code
    assert error.permanent
    assert error.fix


@pytest.mark.parametrize(("endpoint", "model", "options", "code"), REFUSED_BY_MODEL)
def test_what_the_model_does_not_have_is_refused(
    endpoint: Endpoint, model: str, options: dict[str, Any], code: str
) -> None:
    error = refusal(endpoint, model, options)
    assert isinstance(error, ModelError)
    assert error.code == code
    assert error.fix


@pytest.mark.parametrize(("endpoint", "model", "options"), TAKEN)
def test_what_works_is_let_through(endpoint: Endpoint, model: str, options: dict[str, Any]) -> None:
    config = SessionConfig(model=model, **options)
    check(config, endpoint)
    assert config.model == model


def test_an_unknown_model_is_not_judged() -> None:
    behaviors = function("NON_BLOCKING")
    config = SessionConfig(model=OTHER, affective_dialog=True, tools=behaviors)
    check(config, DEVELOPER)
    assert config.tools == behaviors


def test_a_refusal_quotes_no_value() -> None:
    assert "secret" not in str(refusal(DEVELOPER, OTHER, {"media_resolution": "secret"}))
