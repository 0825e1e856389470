"""What a caller is told, for what our host says: examples, and any order of events."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

import live
from conversations import protocol as p
from conversations.dropin.refusals import Refusal
from conversations.dropin.telling import Manner, Telling
from conversations.states import CallState, ConversationState, EndReason
from conversations.transcripts.assembly import Assembly, ToolChange

ALL = Manner(hears=True, says=True, handle="handle-1")
UPDATE = {"sessionResumptionUpdate": {"newHandle": "handle-1", "resumable": True}}
USAGE = live.Usage(prompt_tokens=7, response_tokens=5, total_tokens=12, prompt_details={"TEXT": 7})


class Host:
    """A conversation's host: its events as frames, and a snapshot at any time."""

    def __init__(self, epoch: int = 1) -> None:
        self.assembly = Assembly(epoch, p.Picture())

    def frames(self, events: Sequence[p.Event]) -> list[bytes]:
        return [p.encode(event) for event in events]

    def go_live(self) -> list[bytes]:
        return self.frames(self.assembly.state(ConversationState.LIVE, 0))

    def hear(self, *events: live.Event) -> list[bytes]:
        frames: list[bytes] = []
        for event in events:
            if isinstance(event, live.Usage):
                self.assembly.used(event)
                continue
            frames += self.frames(self.assembly.upstream(event, 0))
            if isinstance(event, live.Audio):
                frames.append(p.audio_frame(self.assembly.stream, 1, event.data))
        return frames

    def snapshot(self) -> bytes:
        a = self.assembly
        return p.encode(p.Snapshot(epoch=a.epoch, seq=a.seq, state=a.picture))


def told(telling: Telling, frames: Sequence[bytes]) -> list[dict[str, Any]]:
    return [json.loads(message) for frame in frames for message in telling.take(frame)]


def begun(manner: Manner = ALL) -> tuple[Host, Telling]:
    host, telling = Host(), Telling(manner, "me")
    told(telling, [host.snapshot(), *host.go_live()])
    return host, telling


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


def test_it_begins_when_the_model_answers() -> None:
    host, telling = Host(), Telling(ALL, "me")
    assert told(telling, [host.snapshot()]) == []
    assert told(telling, host.go_live()) == [{"setupComplete": {}}, UPDATE]


def test_an_answer() -> None:
    host, telling = begun()
    frames = host.hear(
        live.InputTranscript("Hello?"),
        live.Audio(b"\1\0" * 4, 24000),
        live.OutputTranscript("Hi."),
        live.GenerationComplete(),
        USAGE,
        live.TurnComplete(),
    )
    sound = {"mimeType": "audio/pcm;rate=24000", "data": "AQABAAEAAQA="}
    assert told(telling, frames) == [
        content(inputTranscription={"text": "Hello?"}),
        content(modelTurn={"role": "model", "parts": [{"inlineData": sound}]}),
        content(outputTranscription={"text": "Hi."}),
        content(generationComplete=True),
        content(turnComplete=True)
        | {
            "usageMetadata": {
                "promptTokenCount": 7,
                "responseTokenCount": 5,
                "totalTokenCount": 12,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}],
            }
        },
    ]


def test_vertex_has_names_of_its_own() -> None:
    host, telling = Host(), Telling(Manner(session="s-1"), "me")
    assert told(telling, [host.snapshot(), *host.go_live()]) == [
        {"setupComplete": {"sessionId": "s-1"}}
    ]
    frames = host.hear(live.Audio(b"\0\0", 24000), USAGE, live.TurnComplete())
    sound, end = told(telling, frames)
    [part] = sound["serverContent"]["modelTurn"]["parts"]
    assert part["inlineData"]["mimeType"] == "audio/pcm"
    assert end["usageMetadata"]["candidatesTokenCount"] == 5


def test_who_wants_no_transcripts_gets_none() -> None:
    host, telling = begun(Manner())
    frames = host.hear(live.InputTranscript("Hello?"), live.OutputTranscript("Hi."))
    assert told(telling, frames) == []


def test_what_is_typed_is_not_transcribed() -> None:
    host, telling = begun()
    assert told(telling, host.frames(host.assembly.typed("1", "Hello", 0))) == []


def test_a_text_agent_answers_in_text() -> None:
    host, telling = begun(Manner(says=True, in_text=True))
    [message] = told(telling, host.hear(live.Text("Hi.")))
    assert message == content(modelTurn={"role": "model", "parts": [{"text": "Hi."}]})


def test_an_interruption() -> None:
    host, telling = begun()
    frames = host.hear(
        live.Audio(b"\0\0", 24000),
        live.VoiceActivity(True),
        live.Interrupted(),
        live.TurnComplete(),
    )
    assert told(telling, frames)[1:] == [
        {"serverContent": {}, "voiceActivity": {"type": "ACTIVITY_START"}},
        content(interrupted=True),
        {"serverContent": {}, "voiceActivity": {"type": "ACTIVITY_END"}},
        content(turnComplete=True),
    ]


def test_an_answer_that_is_cut_ends_as_an_interrupted_one() -> None:
    host, telling = begun()
    told(telling, host.hear(live.Audio(b"\0\0", 24000), live.OutputTranscript("Once")))
    messages = told(telling, host.frames(host.assembly.cut(0)))
    assert messages == [content(interrupted=True), content(turnComplete=True)]


def test_another_hosts_snapshot_brings_what_is_new_and_ends_what_nobody_finishes() -> None:
    host, telling = begun()
    told(telling, host.hear(live.Audio(b"\0\0", 24000), live.OutputTranscript("Once upon")))
    host.hear(live.OutputTranscript(" a time"))  # this frame is lost with the stream
    host.assembly.cut(0)
    later = Host(epoch=2)
    later.assembly.picture.turns = host.assembly.picture.turns
    later.assembly.picture.state = ConversationState.LIVE
    assert told(telling, [later.snapshot()]) == [
        content(outputTranscription={"text": " a time"}),
        content(interrupted=True),
        content(turnComplete=True),
    ]
    assert told(telling, [later.snapshot()]) == []


def call(state: CallState, **more: Any) -> ToolChange:
    return ToolChange("c-1", "book_slot", state, **more)


def test_a_call_is_taken_then_told_and_goes_before_the_end_of_its_turn() -> None:
    host, telling = begun()
    a = host.assembly
    asked = live.ToolCall((live.FunctionCall(id="c-1", name="book_slot", args={"hour": 9}),))
    assert told(telling, host.hear(asked, live.TurnComplete())) == []
    requested = call(CallState.REQUESTED, args={"hour": 9}, left_ms=60_000)
    assert told(telling, host.frames(a.tool(requested, 0))) == []
    assert telling.owed == [p.ToolTake("c-1", by="me")]
    frames = host.frames(a.tool(call(CallState.RUNNING, by="me"), 0))
    function = {"id": "c-1", "name": "book_slot", "args": {"hour": 9}}
    assert told(telling, frames) == [
        {"toolCall": {"functionCalls": [function]}},
        content(turnComplete=True),
    ]
    cancelled = host.frames(a.tool(call(CallState.CANCELLED), 0))
    assert told(telling, cancelled) == [{"toolCallCancellation": {"ids": ["c-1"]}}]


def test_a_servers_call_is_none_of_the_callers() -> None:
    host, telling = begun()
    running = host.frames(host.assembly.tool(call(CallState.RUNNING), 0))
    assert told(telling, running) == []
    assert telling.owed == []


@pytest.mark.parametrize(
    ("code", "close"), [("too-many-texts", 1011), ("text-too-long", 1007), ("store-behind", 1011)]
)
def test_what_the_host_does_not_take_ends_the_connection(code: str, close: int) -> None:
    _, telling = begun()
    with pytest.raises(Refusal) as refused:
        telling.take(p.encode(p.Error(code=code, message="No.", fix="Wait.")))
    assert refused.value.code == close


def test_what_loses_nothing_ends_nothing() -> None:
    _, telling = begun()
    assert telling.take(p.encode(p.Error(code="unknown-call", message="No.", fix="-"))) == []


def test_the_end_has_its_reason() -> None:
    host, telling = begun()
    told(telling, host.frames(host.assembly.ended(EndReason.MAX_DURATION, 0)))
    assert telling.ended is not None
    assert telling.ended.code == 1008


def test_a_server_that_goes_says_so() -> None:
    _, telling = begun()
    assert json.loads(telling.leaving(12_500)) == {"goAway": {"timeLeft": "12.500s"}}


upstream = st.one_of(
    st.builds(
        live.Audio,
        st.binary(min_size=2, max_size=8).map(lambda b: b[: len(b) // 2 * 2]),
        st.just(24000),
    ),
    st.builds(live.OutputTranscript, st.text(max_size=5)),
    st.builds(live.InputTranscript, st.text(max_size=5)),
    st.builds(live.VoiceActivity, st.booleans()),
    st.sampled_from([live.Interrupted(), live.GenerationComplete(), live.TurnComplete(), USAGE]),
    st.sampled_from(["cut", "lost", "snapshot"]),
)


@given(st.lists(upstream, max_size=30))
def test_nothing_is_lost_twice_or_left_open(happens: list[Any]) -> None:
    """Whatever happens, and whichever frames are lost before a snapshot: the words arrive once
    and in order, and after a cut no turn is open. The official SDK reads every message."""
    host, telling = begun()
    messages: list[dict[str, Any]] = []
    is_broken = False
    for what in [*happens, "snapshot", "cut"]:
        if what == "lost":
            is_broken = True
            continue
        if what == "snapshot":
            frames, is_broken = [host.snapshot()], False
        elif what == "cut":
            frames = host.frames(host.assembly.cut(0))
        else:
            frames = host.hear(what)
        if not is_broken:
            messages += told(telling, frames)
    contents = [message["serverContent"] for message in messages]
    assert pieces(contents, "outputTranscription") == words(host, "agent")
    assert pieces(contents, "inputTranscription") == words(host, "user")
    said = [one for one in contents if one.keys() & {"modelTurn", "outputTranscription"}]
    if said:
        ends = [i for i, one in enumerate(contents) if one.get("turnComplete")]
        assert ends
        assert ends[-1] > contents.index(said[-1])
    for message in messages:
        types.LiveServerMessage.model_validate(without_activity(message))


def pieces(contents: list[dict[str, Any]], name: str) -> str:
    return "".join(one[name]["text"] for one in contents if name in one)


def words(host: Host, speaker: str) -> str:
    return "".join(turn.text for turn in host.assembly.picture.turns if turn.speaker == speaker)


def without_activity(message: dict[str, Any]) -> dict[str, Any]:
    """The SDK's converter renames its field, so that the raw one does not fit its model."""
    return {name: value for name, value in message.items() if name != "voiceActivity"}


def test_sound_is_told_as_it_is() -> None:
    host, telling = begun()
    pcm = bytes(range(250)) * 2
    [message] = told(telling, host.hear(live.Audio(pcm, 24000)))
    [part] = message["serverContent"]["modelTurn"]["parts"]
    assert b64decode(part["inlineData"]["data"]) == pcm
