from typing import Any

import pytest

from live.simulator.activity import Detection
from live.simulator.closes import Refusal
from live.simulator.paths import Service
from live.simulator.setup import Window, content_text
from tests.live.simulator.stage import (
    AUDIO_SETUP,
    DEVELOPER,
    TEXT_SETUP,
    VERTEX,
    VERTEX_NAME,
    setup_of,
)

MODEL = "models/gemini-3.8-live"


def refused(message: dict[str, Any], service: Service = DEVELOPER) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        setup_of(message, service)
    return caught.value.code, caught.value.reason


def test_defaults() -> None:
    setup = setup_of({"model": MODEL})
    assert not setup.text_answers
    assert setup.automatic_activity
    assert setup.interruptible
    assert not setup.resumable
    assert not setup.input_transcription
    assert setup.detection == Detection(threshold=0.006, prefix_ms=100, silence_ms=600)


def test_everything_set() -> None:
    setup = setup_of(
        {
            **AUDIO_SETUP,
            "generationConfig": {
                "speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}}
            },
            "systemInstruction": {"parts": [{"text": "Be"}, {"text": "kind."}]},
            "realtimeInputConfig": {
                "automatic_activity_detection": {
                    "start_of_speech_sensitivity": "START_SENSITIVITY_LOW",
                    "prefix_padding_ms": 40,
                    "silence_duration_ms": "250",
                },
                "activityHandling": "NO_INTERRUPTION",
            },
            "sessionResumption": {"handle": "h"},
            "historyConfig": {"initialHistoryInClientContent": True},
        }
    )
    assert (setup.voice, setup.instruction, setup.handle) == ("Kore", "Be kind.", "h")
    assert setup.detection == Detection(threshold=0.012, prefix_ms=40, silence_ms=250)
    assert setup.resumable
    assert setup.input_transcription
    assert setup.output_transcription
    assert setup.seeding
    assert not setup.interruptible


def test_vertex_is_less_sensitive_and_names_models_its_own_way() -> None:
    setup = setup_of({"model": VERTEX_NAME}, VERTEX)
    assert setup.vertex
    assert setup.detection.silence_ms == 1000
    assert setup_of({"model": "publishers/google/models/gemini-3.8-live"}, VERTEX).vertex


@pytest.mark.parametrize("name", ["models/gemini-9-live", "gemini-3.8-live", VERTEX_NAME])
def test_unknown_models_on_the_developer_api(name: str) -> None:
    code, reason = refused({"model": name}, Service("v1alpha"))
    assert code == 1008
    assert reason.startswith(f"{name} is not found for API version v1alpha, or is not")


@pytest.mark.parametrize("name", [MODEL, "publishers/google/models/gemini-9", "publishers"])
def test_unknown_models_on_vertex(name: str) -> None:
    code, reason = refused({"model": name}, VERTEX)
    assert code == 1008
    assert reason.startswith("Publisher model")


def test_text_is_refused_by_models_that_speak() -> None:
    text = {"responseModalities": ["TEXT"]}
    assert refused({"model": MODEL, "generationConfig": text}) == (
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model.",
    )
    native = "models/gemini-2.5-flash-native-audio-latest"
    assert refused({"model": native, "generationConfig": text}) == (
        1007,
        "Cannot extract voices from a non-audio request",
    )
    assert setup_of(TEXT_SETUP).text_answers


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}}, 1007),
        ({"generationConfig": {"responseModalities": ["VIDEO"]}}, 1007),
        ({"generationConfig": {"responseMimeType": "text/plain"}}, 1007),
        ({"generationConfig": {"stopSequences": ["x"]}}, 1007),
        ({"generationConfig": {"temperature": 9}}, 1007),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, 1007),
        ({"generationConfig": {"enableAffectiveDialog": True}}, 1011),
        ({"generationConfig": {"speechConfig": {"voiceConfig": {"voice": "Nobody"}}}}, 1007),
        ({"proactivity": {"proactiveAudio": False}}, 1007),
        ({"model": ""}, 1007),
        ({"tools": [{"functionDeclarations": [{"name": "no name"}]}]}, 1007),
        ({"tools": [{"functionDeclarations": [{"name": "f", "behavior": "LATER"}]}]}, 1007),
        ({"tools": [{"telepathy": {}}]}, 1007),
        ({"sessionResumption": {"transparent": True}}, 1007),
        (
            {
                "contextWindowCompression": {
                    "triggerTokens": 5,
                    "slidingWindow": {"targetTokens": 6},
                }
            },
            1007,
        ),
    ],
)
def test_combinations_that_3_8_refuses(more: dict[str, Any], code: int) -> None:
    assert refused({"model": MODEL, **more})[0] == code


def test_thoughts_are_no_text() -> None:
    parts = [{"text": "Hm.", "thought": True}, {"text": "Yes."}, {"inline_data": {}}]
    assert content_text({"parts": parts}) == "Yes."


@pytest.mark.parametrize(
    ("asked", "window"),
    [
        ({}, None),
        ({"triggerTokens": 5}, None),
        ({"slidingWindow": {}}, Window(104857, 52428)),
        ({"triggerTokens": "25000", "slidingWindow": {}}, Window(25000, 12500)),
        ({"triggerTokens": 25000, "slidingWindow": {"targetTokens": "8000"}}, Window(25000, 8000)),
    ],
)
def test_a_window_needs_its_mechanism(asked: dict[str, Any], window: Window | None) -> None:
    assert setup_of({"model": MODEL, "contextWindowCompression": asked}).compression == window


def test_what_video_belongs_to_a_turn() -> None:
    native = "models/gemini-2.5-flash-native-audio-latest"
    assert setup_of({"model": MODEL}).covers_all_video
    assert not setup_of({"model": native}).covers_all_video
    for coverage, all_video in (
        ("TURN_INCLUDES_ONLY_ACTIVITY", False),
        ("TURN_INCLUDES_ALL_INPUT", True),
        ("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO", True),
    ):
        config = {"turnCoverage": coverage}
        assert (
            setup_of({"model": MODEL, "realtimeInputConfig": config}).covers_all_video is all_video
        )


@pytest.mark.parametrize(("level", "tokens"), [("LOW", 64), ("MEDIUM", 256), ("HIGH", 258)])
def test_a_frame_costs_what_its_resolution_says(level: str, tokens: int) -> None:
    generation = {"mediaResolution": f"MEDIA_RESOLUTION_{level}"}
    assert setup_of({"model": MODEL, "generationConfig": generation}).frame_tokens == tokens
    assert setup_of({"model": MODEL}).frame_tokens == 258


def test_built_in_tools_are_taken() -> None:
    tools: list[dict[str, Any]] = [{"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}]
    assert setup_of({"model": MODEL, "tools": tools}).tools.functions == ()


GLOBAL = "projects/p/locations/global/publishers/google/models/"


def test_the_place_of_a_vertex_session() -> None:
    assert setup_of({"model": VERTEX_NAME}, VERTEX).place == "projects/p/locations/us-central1"
    assert setup_of({"model": "publishers/google/models/gemini-3.8-live"}, VERTEX).place == ""
    assert setup_of({"model": MODEL}).place == ""


def test_native_audio_is_not_everywhere_on_vertex() -> None:
    code, reason = refused({"model": f"{GLOBAL}gemini-live-2.5-flash-native-audio"}, VERTEX)
    assert (code, reason.startswith("Publisher model")) == (1008, True)
    assert setup_of({"model": f"{GLOBAL}gemini-3.8-live"}, VERTEX).place.endswith("/global")


def thinking(model: str, **config: object) -> dict[str, Any]:
    return {"model": f"models/{model}", "generationConfig": {"thinkingConfig": config}}


EXTENDED = "gemini-3.8-live-extended-thinking"
NATIVE = "gemini-2.5-flash-native-audio-latest"


@pytest.mark.parametrize(
    ("message", "thinks", "tells"),
    [
        (thinking(EXTENDED, thinkingLevel="HIGH", includeThoughts=True), True, True),
        (thinking(NATIVE, thinkingBudget=-1), True, False),
        (thinking(NATIVE, thinkingBudget=0, includeThoughts=True), False, False),
        ({"model": f"models/{NATIVE}"}, False, False),
    ],
)
def test_thinking(message: dict[str, Any], thinks: bool, tells: bool) -> None:
    setup = setup_of(message)
    assert (setup.thinks, setup.tells_thoughts) == (thinks, tells)


@pytest.mark.parametrize(
    "message",
    [
        thinking("gemini-3.8-live", includeThoughts=True),
        thinking(EXTENDED, thinkingLevel="MINIMAL"),
        thinking("gemini-3.1-flash-live-preview", thinkingLevel="XHIGH"),
        thinking(NATIVE, thinkingLevel="LOW"),
    ],
)
def test_thinking_that_a_model_does_not_take(message: dict[str, Any]) -> None:
    assert refused(message) == (1007, "Request contains an invalid argument.")


def test_who_gets_an_update_after_each_turn() -> None:
    resumption = {"sessionResumption": {"transparent": True}}
    assert setup_of({"model": VERTEX_NAME, **resumption}, VERTEX).updates_each_turn
    assert not setup_of({"model": VERTEX_NAME, "sessionResumption": {}}, VERTEX).updates_each_turn
    assert refused({"model": MODEL, **resumption})[1].endswith("Cannot find field.")
