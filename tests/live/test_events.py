from typing import Any

import pytest

from live.errors import ProtocolError
from live.events import (
    Audio,
    Event,
    GenerationComplete,
    GoAway,
    InputTranscript,
    InteractionStatus,
    InterimInputTranscript,
    Interrupted,
    OutputTranscript,
    Ready,
    ResumptionUpdate,
    Text,
    Thought,
    ToolCall,
    ToolCallCancellation,
    TurnComplete,
    Usage,
    VoiceActivity,
    WaitingForInput,
    events_of,
    is_shown,
)
from live.messages import FunctionCall
from live.wire import decode
from tests.live.samples import on_the_wire, sample, samples, scene

SOUND = b"\0" * 48


def events(message: dict[str, Any], now: float = 0.0) -> list[Event]:
    return events_of(decode(on_the_wire(message)), now)


SHOWN: list[tuple[str, list[Event]]] = [
    ("setupComplete", [Ready()]),
    ("setupComplete.vertex", [Ready("f162d11d-434a-4212-8a31-f1a4843cad11")]),
    ("text.chunk", [Text("Yes")]),
    ("thought.chunk", [Thought("**Considering the request**")]),
    ("audio.chunk", [Audio(SOUND, 24_000)]),
    ("audio.and.transcript.in.one.message", [Audio(SOUND, 24_000), OutputTranscript("Hello")]),
    ("outputTranscription.empty.vertex", []),
    ("outputTranscription.finished", [OutputTranscript(" bye.", True)]),
    ("inputTranscription.finished", [InputTranscript("test_input", True)]),
    ("interimInputTranscription", [InterimInputTranscript("testing the voice in")]),
    ("generationComplete", [GenerationComplete()]),
    ("interrupted", [Interrupted()]),
    ("turnComplete.reason", [WaitingForInput(), TurnComplete("NEED_MORE_INPUT")]),
    ("turnComplete.in_progress", [InteractionStatus("IN_PROGRESS"), TurnComplete()]),
    (
        "toolCall.parallel",
        [
            ToolCall(
                (
                    FunctionCall("call_229188", "update_profile", {"city": "Tbilisi"}),
                    FunctionCall("fc_5810", "lookup_visa", {"destination": "Japan"}),
                )
            )
        ],
    ),
    ("toolCallCancellation", [ToolCallCancellation(("function-call-5831923424298605773",))]),
    ("goAway", [GoAway(50.0, 1050.0)]),
    ("goAway.fractional", [GoAway(9.5, 1009.5)]),
    ("sessionResumptionUpdate.empty", [ResumptionUpdate("", False)]),
    (
        "sessionResumptionUpdate.transparent_vertex",
        [ResumptionUpdate("test_handle", True, 123456789)],
    ),
    ("voiceActivity", [VoiceActivity(True, 160)]),
    ("voiceActivity.with_empty_serverContent", [VoiceActivity(False, 3800)]),
    ("voiceActivityDetectionSignal", [VoiceActivity(True)]),
    ("empty.message", []),
    ("empty.serverContent", []),
]


@pytest.mark.parametrize(("kind", "expected"), SHOWN, ids=[kind for kind, _ in SHOWN])
def test_each_message_has_its_events(kind: str, expected: list[Event]) -> None:
    assert events(sample(kind), now=1000.0) == expected


def test_usage_comes_before_the_end_of_its_turn() -> None:
    usage, end = events(sample("turnComplete.audio_usage"))
    assert end == TurnComplete()
    assert usage == Usage(
        prompt_tokens=906,
        response_tokens=124,
        total_tokens=1030,
        prompt_details={"TEXT": 768, "AUDIO": 138},
        response_details={"AUDIO": 124},
    )


def test_usage_of_vertex_ai_is_the_same_event() -> None:
    usage = events(sample("usageMetadata.vertex"))[0]
    assert isinstance(usage, Usage)
    assert (usage.response_tokens, usage.response_details) == (50, {"AUDIO": 50})


def test_all_counters() -> None:
    (usage,) = events(sample("usage.all_counters"))
    assert isinstance(usage, Usage)
    assert (usage.cached_tokens, usage.tool_use_tokens, usage.thoughts_tokens) == (100, 20, 30)


def test_audio_of_vertex_ai_has_no_rate_and_is_24_khz() -> None:
    part = {"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}
    assert events({"serverContent": {"modelTurn": {"parts": [part]}}}) == [Audio(b"\0\0\0", 24_000)]


def test_a_whole_turn_in_order() -> None:
    heard = [
        event
        for direction, message in scene("audio_turn_38")
        if direction == "server"
        for event in events(message)
    ]
    said = "".join(event.text for event in heard if isinstance(event, OutputTranscript))
    assert said == "Yes, I can hear you clearly. How can I help you today?"
    assert isinstance(heard[0], Ready)
    assert isinstance(heard[-1], TurnComplete)


HIDDEN = {
    "executableCode",
    "codeExecutionResult",
    "groundingMetadata",
    "urlContextMetadata",
    "setupComplete.voice_consent",
}


@pytest.mark.parametrize(("kind", "message"), samples("server"))
def test_what_has_no_event_is_said_to_have_none(kind: str, message: dict[str, Any]) -> None:
    assert is_shown(decode(on_the_wire(message))) is (kind not in HIDDEN)


def test_a_picture_is_not_shown() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    message = {"serverContent": {"modelTurn": {"parts": [part, {"text": "See."}]}}}
    assert events(message) == [Text("See.")]
    assert not is_shown(decode(on_the_wire(message)))


def test_a_duration_that_is_none_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        events({"goAway": {"timeLeft": "soon"}})


def test_time_left_is_never_negative() -> None:
    assert events({"goAway": {"timeLeft": "-3s"}}, now=7.0) == [GoAway(0.0, 7.0)]


def test_no_word_shows_in_a_repr() -> None:
    assert "secret" not in repr([InputTranscript("secret"), Text("secret"), Audio(b"secret", 1)])
