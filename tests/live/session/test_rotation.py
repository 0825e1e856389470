"""One session over several connections: what is held, put again, told, and never said twice."""

import json
from typing import Any

from live.endpoint import Endpoint
from live.errors import error_from_close
from live.events import Connected, Disconnected, GoAway, Ready, ToolCallCancellation
from live.messages import (
    AutomaticActivityDetection,
    FunctionResponse,
    RealtimeInputConfig,
    text_content,
)
from live.session import Comeback, Session, State, Turn
from live.setup import SessionConfig
from tests.live.samples import on_the_wire, sample

ENDPOINT = Endpoint.developer()
CONFIG = SessionConfig(model="gemini-3.8-live")


def tell(session: Session, message: dict[str, Any], now: float = 1.0) -> list[Any]:
    return session.receive(on_the_wire(message), now)


def lasting(**options: Any) -> Session:
    """A session that comes back, ready on its first connection, with the handle `h1`."""
    session = Session(CONFIG, ENDPOINT, comeback=Comeback(jitter=0.0), **options)
    session.opened(0.0)
    tell(session, {"setupComplete": {}})
    tell(session, {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}})
    return session


def state_of(session: Session) -> State:
    return session.state


def turn_of(session: Session) -> Turn:
    return session.turn


def lose(session: Session, now: float = 10.0) -> list[Any]:
    return session.lost(error_from_close(1006, ""), now)


def come_back(session: Session, now: float = 20.0) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """The setup of the next connection, its events, and what goes out on it first."""
    assert session.deadline is not None
    session.tick(session.deadline)
    setup = json.loads(session.opened(now))["setup"]
    events = tell(session, {"setupComplete": {}}, now)
    return setup, events, [json.loads(message) for message in iter(session.outbox.pop, None)]


def test_a_rotation_waits_for_the_answer_and_resumes_with_the_newest_handle() -> None:
    session = lasting()
    session.text("Hello")
    assert tell(session, sample("goAway"), 540.0) == [GoAway(50.0, 590.0)]
    assert (session.state, session.deadline) == (State.ROTATING, 585.0)
    tell(session, sample("audio.chunk"), 541.0)
    tell(session, sample("generationComplete"), 542.0)
    assert state_of(session) is State.ROTATING
    tell(session, {"serverContent": {"turnComplete": True}}, 543.0)
    assert state_of(session) is State.LEAVING
    assert session.lost(error_from_close(1000, ""), 543.1) == [Disconnected("go_away")]
    assert session.deadline == 544.1, "an idle session is not resumed at once"
    setup, events, ahead = come_back(session, 544.5)
    assert setup["sessionResumption"] == {"handle": "h1"}
    assert events == [Ready(), Connected(gap=1.5)]
    assert ahead == []


def test_at_the_deadline_it_leaves_in_mid_answer_and_asks_nothing_again() -> None:
    session = lasting()
    session.text("Hello")
    tell(session, sample("goAway"), 540.0)
    tell(session, sample("audio.chunk"), 541.0)
    session.tick(585.0)
    assert state_of(session) is State.LEAVING
    session.lost(error_from_close(1000, ""), 585.0)
    assert session.deadline == 585.0, "it was in the middle of something"
    assert turn_of(session) is Turn.GENERATING
    _, _, ahead = come_back(session)
    assert ahead == []
    assert turn_of(session) is Turn.IDLE


def test_an_open_call_keeps_it_from_leaving() -> None:
    session = lasting()
    tell(session, sample("toolCall"))
    tell(session, sample("goAway"))
    assert state_of(session) is State.ROTATING
    tell(session, {"toolCallCancellation": {"ids": list(session.open_calls)}})
    assert state_of(session) is State.LEAVING


def test_what_is_said_without_a_connection_goes_out_on_the_next_in_order() -> None:
    session = lasting()
    lose(session)
    assert session.audio(b"\0\1", 16_000) == b""
    assert session.audio_end() == b""
    assert session.text("Are you there?") == b""
    assert session.video(b"an old picture") == b""
    _, events, ahead = come_back(session)
    assert events[-1] == Connected(gap=10.0)
    assert [list(message["realtimeInput"]) for message in ahead] == [
        ["text"],
        ["audio"],
        ["audioStreamEnd"],
    ]


def test_what_a_lost_connection_left_unanswered_is_asked_again_once() -> None:
    session = lasting()
    session.outbox.put(session.text("Hello?"), repeated=True)  # it never went out
    assert lose(session) == [Disconnected("connection_lost")]
    _, _, ahead = come_back(session)
    assert ahead == [{"realtimeInput": {"text": "Hello?"}}]


def test_an_answer_to_a_call_is_given_again_while_the_model_may_not_have_it() -> None:
    session = lasting()
    tell(session, {"toolCall": {"functionCalls": [{"id": "a", "name": "f"}]}})
    session.tool_responses([FunctionResponse("a", "f", {"output": 1})])
    lose(session)
    _, _, [again] = come_back(session)
    assert again["toolResponse"]["functionResponses"][0]["id"] == "a"
    tell(session, sample("audio.chunk"))
    lose(session, 30.0)
    assert come_back(session, 40.0)[2] == []


def test_an_activity_that_was_open_is_opened_again() -> None:
    detection = AutomaticActivityDetection(disabled=True)
    config = SessionConfig(
        model="gemini-3.8-live",
        realtime_input=RealtimeInputConfig(automatic_activity_detection=detection),
    )
    session = Session(config, ENDPOINT, comeback=Comeback())
    session.opened(0.0)
    tell(session, {"setupComplete": {}})
    session.activity_start()
    lose(session)
    session.audio(b"\0\1", 16_000)
    session.activity_end()
    _, _, ahead = come_back(session)
    assert [list(message["realtimeInput"]) for message in ahead] == [
        ["activityStart"],
        ["audio"],
        ["activityEnd"],
    ]


def test_a_changed_context_is_in_the_next_setup() -> None:
    session = lasting()
    session.context_update(system_instruction="Be brief.", tools=[])
    lose(session)
    setup, _, ahead = come_back(session)
    assert setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert ahead == []


def test_a_refused_handle_means_a_new_session_that_is_told_what_was_said() -> None:
    session = lasting()
    session.text("The code word is owl.")
    tell(session, {"serverContent": {"outputTranscription": {"text": "Noted."}}})
    tell(session, {"serverContent": {"turnComplete": True}})
    session.text("Which word?")
    lose(session)
    session.tick(10.0)
    session.opened(10.0)
    gone = error_from_close(1008, "BidiGenerateContent session not found")
    assert session.lost(gone, 10.0) == []
    setup, events, [seed, question] = come_back(session, 20.0)
    assert setup["sessionResumption"] == {}
    assert "historyConfig" not in setup
    assert events[-1] == Connected(renewed=True, gap=10.0)
    said = [turn["parts"][0]["text"] for turn in seed["clientContent"]["turns"]]
    assert said == ["The code word is owl.", "Noted."]
    assert not seed["clientContent"].get("turnComplete")
    assert question == {"realtimeInput": {"text": "Which word?"}}


def test_a_model_that_takes_content_only_as_a_seed_gets_it_as_one() -> None:
    config = SessionConfig(model="gemini-3.1-flash-live-preview")
    history = [text_content("user", "Hello"), text_content("model", "Hi")]
    session = Session(config, ENDPOINT, history=lambda: history)
    setup = json.loads(session.opened(0.0))["setup"]
    assert setup["historyConfig"] == {"initialHistoryInClientContent": True}
    events = tell(session, {"setupComplete": {}})
    assert events[-1] == Connected(renewed=True)
    seed = json.loads(session.outbox.pop() or b"")
    assert seed["clientContent"]["turnComplete"]


def test_a_new_session_cancels_the_calls_of_the_one_before() -> None:
    session = lasting()
    tell(session, {"toolCall": {"functionCalls": [{"id": "a", "name": "f"}]}})
    session.handle = ""
    lose(session)
    _, events, _ = come_back(session)
    assert events[1] == ToolCallCancellation(("a",))
    assert session.open_calls == set()


def test_usage_adds_up_over_its_connections() -> None:
    session = lasting()
    tell(session, sample("usageMetadata.vertex"))
    lose(session)
    come_back(session)
    tell(session, sample("usageMetadata.vertex"))
    assert session.usage.total_tokens == 2 * 65


def test_what_trying_again_does_not_mend_ends_it() -> None:
    session = lasting()
    error = error_from_close(1007, "API key not valid.")
    assert session.lost(error, 10.0) == []
    assert (session.state, session.error) == (State.CLOSED, error)
