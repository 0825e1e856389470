import json
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import (
    CallerError,
    InvalidRequest,
    NetworkError,
    ProtocolError,
    ProtocolMisuse,
    ProviderError,
    ResumptionError,
    error_from_close,
)
from live.events import (
    Audio,
    Connected,
    GoAway,
    Ready,
    ResumptionUpdate,
    Unknown,
)
from live.messages import (
    AutomaticActivityDetection,
    FunctionResponse,
    RealtimeInputConfig,
    text_content,
)
from live.session import Session, State, Turn
from live.setup import SessionConfig
from tests.live.samples import on_the_wire, sample, scene

ENDPOINT = Endpoint.developer()
CONFIG = SessionConfig(model="gemini-3.8-live")


def new_session(handle: str = "") -> Session:
    return Session(CONFIG, ENDPOINT, handle=handle, setup_timeout=10.0)


def ready_session(config: SessionConfig = CONFIG) -> Session:
    session = Session(config, ENDPOINT)
    session.opened(0.1)
    session.receive(on_the_wire({"setupComplete": {}}), 0.4)
    return session


def tell(session: Session, message: dict[str, Any], now: float = 1.0) -> list[Any]:
    return session.receive(on_the_wire(message), now)


# -- The way in --------------------------------------------------------------------------------


def test_the_setup_goes_out_first_and_ready_comes_back() -> None:
    session = new_session()
    setup = json.loads(session.opened(0.1))
    assert setup["setup"]["model"] == "models/gemini-3.8-live"
    assert session.deadline == 10.1
    assert tell(session, sample("setupComplete.vertex")) == [
        Ready("f162d11d-434a-4212-8a31-f1a4843cad11"),
        Connected(),
    ]
    assert session.state is State.READY
    assert session.deadline is None


def test_other_messages_may_come_before_the_answer_to_the_setup() -> None:
    session = new_session()
    session.opened(0.1)
    assert tell(session, {}) == []
    assert tell(session, sample("sessionResumptionUpdate"))
    assert session.state is State.SETUP_SENT


def test_a_silent_service_runs_into_the_set_up_time_out() -> None:
    session = new_session()
    session.connecting(0.0)
    session.opened(0.1)
    assert session.deadline == 10.0
    session.tick(9.9)
    assert session.time_left(9.9) > 0
    session.tick(10.0)
    assert isinstance(session.error, NetworkError)
    assert session.error.code == "setup_timeout"
    assert session.state is State.CLOSED
    assert session.tick(11.0) == []


def test_a_model_that_is_none_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(CallerError):
        Session(SessionConfig(model="no model"), ENDPOINT)


# -- Handles and goAway ------------------------------------------------------------------------


def test_the_newest_handle_is_kept_also_while_the_session_cannot_be_resumed() -> None:
    session = ready_session()
    tell(session, {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}})
    tell(session, {"sessionResumptionUpdate": {"newHandle": "h2", "resumable": True}})
    assert (session.handle, session.resumable) == ("h2", True)
    assert tell(session, {"sessionResumptionUpdate": {}}) == [ResumptionUpdate("", False)]
    assert (session.handle, session.resumable) == ("h2", False)


def test_go_away_sets_a_deadline_that_needs_no_further_message() -> None:
    session = ready_session()
    assert tell(session, sample("goAway"), now=540.0) == [GoAway(50.0, 590.0)]
    assert session.state is State.ROTATING
    assert session.deadline == 590.0
    assert tell(session, sample("audio.chunk"), now=541.0)
    assert session.audio(b"\0\0", 16_000)
    session.tick(590.0)
    assert isinstance(session.error, ProviderError)
    assert session.error.code == "go_away_overstayed"
    assert not session.error.permanent


def test_a_session_can_begin_with_a_handle() -> None:
    setup = json.loads(new_session("h7").opened(0.0))["setup"]
    assert setup["sessionResumption"] == {"handle": "h7"}


# -- Traffic -----------------------------------------------------------------------------------


def test_messages_to_the_service() -> None:
    session = ready_session()
    assert json.loads(session.audio(b"\0\1", 16_000)) == {
        "realtimeInput": {"audio": {"data": "AAE=", "mimeType": "audio/pcm;rate=16000"}}
    }
    assert json.loads(session.audio_end()) == sample("realtimeInput.audioStreamEnd")
    assert json.loads(session.text("Are you there Gemini?")) == sample("realtimeInput.text")
    turns = [text_content("user", "Capital of France?"), text_content("model", "Paris")]
    held = json.loads(session.content(turns, turn_complete=False))["clientContent"]
    assert held["turns"] == sample("clientContent.history")["clientContent"]["turns"]
    assert "turnComplete" not in held
    responses = [
        FunctionResponse("call_229188", "update_profile", {"ok": True}, scheduling="SILENT"),
        FunctionResponse("fc_5810", "lookup_visa", {"output": {"found": False}}),
    ]
    assert json.loads(session.tool_responses(responses)) == sample("toolResponse.scheduling")


def test_open_calls_are_those_neither_answered_nor_cancelled() -> None:
    session = ready_session()
    tell(session, sample("toolCall.parallel"))
    tell(session, sample("toolCall.25"))
    assert session.open_calls == {
        "call_229188",
        "fc_5810",
        "function-call-5831923424298605773",
    }
    tell(session, sample("toolCallCancellation"))
    session.tool_responses([FunctionResponse("fc_5810", will_continue=True)])
    session.tool_responses([FunctionResponse("call_229188")])
    assert session.open_calls == {"fc_5810"}


def test_a_call_that_comes_again_runs_no_tool_twice() -> None:
    session = ready_session()
    both = {"toolCall": {"functionCalls": [{"id": "a", "name": "f"}, {"id": "b", "name": "g"}]}}
    (call,) = tell(session, both)
    assert [each.id for each in call.calls] == ["a", "b"]
    assert tell(session, both) == []
    (rest,) = tell(session, {"toolCall": {"functionCalls": [{"id": "a"}, {"id": "c"}]}})
    assert [each.id for each in rest.calls] == ["c"]
    assert session.open_calls == {"a", "b", "c"}


def test_pieces_of_one_call_all_arrive() -> None:
    session = ready_session()
    for more in (True, True, False):
        piece = {"id": "a", "name": "f", "willContinue": more}
        (call,) = tell(session, {"toolCall": {"functionCalls": [piece]}})
        assert call.calls[0].will_continue is more


@pytest.mark.parametrize(
    "message",
    [
        {"somethingNew": {}},
        {"serverContent": {"somethingNew": 1}},
        {"serverContent": {"modelTurn": {"parts": [{"somethingNew": {"a": [1]}}]}}},
        {"serverContent": {"groundingMetadata": 7}},
        {"error": {"code": 429, "message": "slow down"}},
    ],
)
def test_what_has_no_event_of_its_own_comes_as_it_was(message: dict[str, Any]) -> None:
    raw = on_the_wire(message)
    session = ready_session()
    assert session.receive(raw, 1.0) == [Unknown(raw)]
    assert session.receive(raw.decode(), 1.0) == [Unknown(raw)]


def test_a_known_part_beside_an_unknown_one_is_not_lost() -> None:
    message = sample("audio.chunk") | {"somethingNew": 1}
    audio, unknown = tell(ready_session(), message)
    assert isinstance(audio, Audio)
    assert isinstance(unknown, Unknown)


def test_messages_for_manual_activity_and_video() -> None:
    manual = RealtimeInputConfig(AutomaticActivityDetection(disabled=True))
    session = ready_session(SessionConfig(model="gemini-3.8-live", realtime_input=manual))
    assert json.loads(session.activity_start()) == sample("realtimeInput.activityStart")
    assert json.loads(session.activity_end()) == sample("realtimeInput.activityEnd")
    frame = session.video(b"\xff\xd8\xff\xe0\0\x10JFIF")
    assert json.loads(frame) == sample("realtimeInput.video")
    with pytest.raises(InvalidRequest):
        session.audio_end()


def test_a_message_that_is_refused_changes_nothing() -> None:
    session = ready_session()
    tell(session, sample("toolCall.parallel"))
    calls = set(session.open_calls)
    with pytest.raises(InvalidRequest):
        session.activity_start()
    with pytest.raises(InvalidRequest):
        session.tool_responses([FunctionResponse("fc_5810"), FunctionResponse()])
    assert session.open_calls == calls
    assert session.state is State.READY


def test_the_context_can_be_changed_in_an_open_session() -> None:
    message = json.loads(ready_session().context_update(system_instruction="Sing.", tools=()))
    assert message == {
        "contextUpdate": {
            "systemInstruction": {"role": "user", "parts": [{"text": "Sing."}]},
            "tools": {"tools": []},
        }
    }


def test_usage_adds_up() -> None:
    session = ready_session()
    for kind in ("turnComplete.audio_usage", "turnComplete.thoughts_usage", "usageMetadata.vertex"):
        tell(session, sample(kind))
    assert session.usage.total_tokens == 1030 + 4434 + 65
    assert session.usage.thoughts_tokens == 72
    assert session.usage.prompt_details == {"TEXT": 768 + 2948, "AUDIO": 138 + 1156}
    assert session.usage.response_details == {"AUDIO": 124 + 258 + 50}


def test_the_turn_is_followed_through_a_recorded_interruption() -> None:
    session = ready_session()
    turns = []
    for direction, message in scene("interrupted_turn_38"):
        if direction == "server":
            tell(session, message)
            turns.append(session.turn)
    assert turns == [
        Turn.GENERATING,
        Turn.GENERATING,
        Turn.PLAYING,
        Turn.CUT,
        Turn.IDLE,
        Turn.IDLE,
        Turn.GENERATING,
        Turn.PLAYING,
        Turn.IDLE,
    ]


def test_options_that_cannot_work_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(InvalidRequest):
        Session(SessionConfig(model="m", transparent=True), ENDPOINT)


# -- The way out -------------------------------------------------------------------------------


def test_a_close_by_the_service_is_an_error_of_its_branch() -> None:
    session = ready_session()
    error = error_from_close(1008, "BidiGenerateContent session not found")
    assert isinstance(error, ResumptionError)
    assert session.lost(error, 1.0) == []
    assert session.error is error
    assert session.state is State.CLOSED


def test_nothing_goes_out_after_the_close() -> None:
    session = ready_session()
    session.close()
    session.close()
    for send in (session.audio_end, lambda: session.text("hi"), lambda: session.audio(b"", 1)):
        with pytest.raises(ProtocolMisuse):
            send()


def test_the_setup_goes_out_once() -> None:
    session = new_session()
    session.opened(0.1)
    with pytest.raises(ProtocolMisuse):
        session.opened(0.2)


def test_a_second_answer_to_the_setup_is_the_service_s_fault() -> None:
    with pytest.raises(ProtocolError):
        tell(ready_session(), {"setupComplete": {}})
