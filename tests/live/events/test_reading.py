from typing import Any

import pytest

from live.errors import ProtocolError
from live.events import (
    Audio,
    CodeExecutionResult,
    Event,
    ExecutableCode,
    FileData,
    GenerationComplete,
    GoAway,
    Grounding,
    InlineData,
    InputTranscript,
    InteractionStatus,
    InterimInputTranscript,
    Interrupted,
    OutputTranscript,
    Ready,
    ResumptionUpdate,
    Text,
    Thought,
    ThoughtSignature,
    ToolCall,
    ToolCallCancellation,
    TurnComplete,
    UrlContext,
    Usage,
    VoiceActivity,
    WaitingForInput,
    events_of,
    is_shown,
)
from live.messages import (
    FunctionCall,
    GroundingChunk,
    GroundingMetadata,
    SearchEntryPoint,
    UrlContextMetadata,
    UrlMetadata,
    WebChunk,
    WordInfo,
)
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
    ("turnComplete.in_progress", [InteractionStatus("IN_PROGRESS"), TurnComplete(more=True)]),
    ("turnComplete.idle", [InteractionStatus("IDLE"), TurnComplete()]),
    ("setupComplete.voice_consent", [Ready(voice_consent_signature="sig-1")]),
    ("codeExecutionResult", [CodeExecutionResult("OUTCOME_OK", "42\n")]),
    (
        "executableCode",
        [
            ExecutableCode(
                "print(default_api.get_current_weather(location='Redmond, WA'))", "PYTHON"
            )
        ],
    ),
    (
        "groundingMetadata",
        [
            Grounding(
                GroundingMetadata(
                    web_search_queries=["test query"],
                    grounding_chunks=[
                        GroundingChunk(
                            WebChunk("https://example.invalid/r/1", "Search results", "google.com")
                        )
                    ],
                    search_entry_point=SearchEntryPoint("<div></div>"),
                )
            )
        ],
    ),
    (
        "urlContextMetadata",
        [
            UrlContext(
                UrlContextMetadata(
                    [UrlMetadata("https://example.invalid/", "URL_RETRIEVAL_STATUS_SUCCESS")]
                )
            )
        ],
    ),
    (
        "inputTranscription.asr_fields",
        [
            InputTranscript(
                "hello there",
                language_code="en-US",
                speaker_label="spk_1",
                words=(WordInfo("hello", "0.2s", "0.6s"),),
                start_offset="0.2s",
                end_offset="1.1s",
            )
        ],
    ),
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


WITHOUT_EVENT = {"empty.message", "empty.serverContent", "outputTranscription.empty.vertex"}


@pytest.mark.parametrize(("kind", "message"), samples("server"))
def test_every_sample_is_shown_whole(kind: str, message: dict[str, Any]) -> None:
    assert is_shown(decode(on_the_wire(message)))
    assert bool(events(message)) is (kind not in WITHOUT_EVENT)


def model_turn(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": list(parts)}}}


def test_several_parts_in_one_message_come_in_order() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA", "displayName": "cat"}}
    page = {"fileData": {"mimeType": "text/html", "fileUri": "https://example.invalid/p"}}
    code = {"executableCode": {"language": "PYTHON", "code": "1 + 1", "id": "x1"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2", "id": "x1"}}
    sound = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}
    thought = {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}
    message = model_turn(thought, code, result, picture, page, {"text": "See."}, sound)
    assert events(message) == [
        Thought("Hm."),
        ThoughtSignature(b"sig"),
        ExecutableCode("1 + 1", "PYTHON", "x1"),
        CodeExecutionResult("OUTCOME_OK", "2", "x1"),
        InlineData(b"\0\0\0", "image/png", "cat"),
        FileData("https://example.invalid/p", "text/html"),
        Text("See."),
        Audio(b"\0\0\0", 24_000),
    ]
    assert is_shown(decode(on_the_wire(message)))


@pytest.mark.parametrize(
    "message",
    [
        model_turn({"functionCall": {"name": "f"}}),
        model_turn({"text": "See."}, {"functionResponse": {"name": "f"}}),
        model_turn({"text": "See.", "videoMetadata": {"fps": 1}}),
        {"voiceActivity": {"type": "ACTIVITY_PAUSE"}},
        {"voiceActivity": {"type": 7}},
        {"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_UNSPECIFIED"}},
    ],
)
def test_what_has_no_event_is_said_to_have_none(message: dict[str, Any]) -> None:
    assert not is_shown(decode(on_the_wire(message)))
    assert not any(isinstance(event, VoiceActivity) for event in events(message))


def test_all_that_ends_a_turn_may_share_a_message() -> None:
    content = {
        "turnComplete": True,
        "interrupted": True,
        "generationComplete": True,
        "outputTranscription": {"text": "Bye."},
        "inputTranscription": {"text": "Stop."},
    }
    message = {"usageMetadata": {"totalTokenCount": "9"}, "serverContent": content}
    assert events(message) == [
        InputTranscript("Stop."),
        OutputTranscript("Bye."),
        GenerationComplete(),
        Interrupted(),
        Usage(total_tokens=9),
        TurnComplete(),
    ]


def test_a_duration_that_is_none_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        events({"goAway": {"timeLeft": "soon"}})


def test_time_left_is_never_negative() -> None:
    assert events({"goAway": {"timeLeft": "-3s"}}, now=7.0) == [GoAway(0.0, 7.0)]


def test_no_word_shows_in_a_repr() -> None:
    assert "secret" not in repr([InputTranscript("secret"), Text("secret"), Audio(b"secret", 1)])
