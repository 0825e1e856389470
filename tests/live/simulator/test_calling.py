from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.conversation import Conversation
from live.simulator.sessions import Role, Session, Sessions
from live.simulator.speech import speak
from live.simulator.talk import Pace, Talk
from tests.live.simulator.stage import (
    AUDIO_SETUP,
    NOON,
    TEXT_SETUP,
    VERTEX,
    VERTEX_NAME,
    Stage,
    conversation,
    setup_of,
)

SLOT = {"type": "OBJECT", "properties": {"slot": {"type": "STRING"}}}
ASK = "Please call book_slot for tomorrow."
LEGACY = {**AUDIO_SETUP, "model": "models/gemini-3.1-flash-live-preview"}
NATIVE = {**AUDIO_SETUP, "model": "models/gemini-2.5-flash-native-audio-latest"}


def tools(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"functionDeclarations": [{"name": n, "parameters": SLOT, **more} for n in names]}]


def caller(setup: dict[str, Any] | None = None, **more: Any) -> Stage:
    return conversation(setup, tools=tools("book_slot", "look_up", **more))


def calls_of(stage: Stage) -> list[dict[str, Any]]:
    return [
        call
        for _when, message in stage.heard
        for call in message.get("toolCall", {}).get("functionCalls", [])
    ]


def answer(stage: Stage, call: dict[str, Any], output: str = "booked", **more: Any) -> None:
    response = {"id": call["id"], "name": call["name"], "response": {"output": output}, **more}
    stage.send({"toolResponse": {"functionResponses": [response]}})


def test_a_non_blocking_call_ends_its_turn_and_its_answer_begins_one() -> None:
    stage = caller()
    start = stage.now
    stage.type(ASK)
    stage.wait(1)
    assert stage.kinds(start) == ["toolCall", "generationComplete", "turnComplete"]
    [call] = calls_of(stage)
    assert (call["name"], call["args"]) == ("book_slot", {"slot": "tomorrow"})
    start = stage.now
    stage.wait(30)
    assert stage.kinds(start) == []
    answer(stage, call)
    stage.wait(6)
    assert stage.said() == "book_slot says: booked."
    assert stage.kinds(start)[-2:] == ["generationComplete", "turnComplete"]


def test_a_spoken_name_calls_too() -> None:
    stage = caller()
    stage.play(speak("Please book slot nine.", 16000) + bytes(32000))
    stage.wait(1)
    assert [call["args"] for call in calls_of(stage)] == [{"slot": "nine"}]
    kinds = stage.kinds()
    assert kinds.index("inputTranscription") < kinds.index("ACTIVITY_END") < kinds.index("toolCall")


def test_several_functions_share_one_message_and_one_answer() -> None:
    stage = caller(behavior="BLOCKING")
    stage.type("Call book_slot for nine and look_up for ten.")
    stage.wait(1)
    assert stage.kinds().count("toolCall") == 1
    first, second = calls_of(stage)
    answer(stage, second, "ten is free")
    stage.wait(3)
    assert stage.kinds()[-1] == "toolCall"
    answer(stage, first, "nine is booked")
    stage.wait(8)
    assert stage.said() == "look_up says: ten is free. book_slot says: nine is booked."


def test_a_blocking_call_is_all_of_its_turn_until_it_is_answered() -> None:
    stage = caller(LEGACY)
    start = stage.now
    stage.type(ASK)
    stage.wait(60)
    assert stage.kinds(start) == ["toolCall", "sessionResumptionUpdate"]
    assert stage.heard[-1][1] == {"sessionResumptionUpdate": {}}
    answer(stage, calls_of(stage)[0])
    stage.wait(6)
    assert stage.said() == "book_slot says: booked."
    assert stage.kinds(start).count("turnComplete") == 1


def test_an_interruption_cancels_a_blocking_call_and_its_answer_comes_too_late() -> None:
    stage = caller(behavior="BLOCKING")
    stage.type(ASK)
    stage.wait(1)
    start = stage.now
    stage.type("Count to two.")
    assert stage.kinds(start) == ["toolCallCancellation", "interrupted", "turnComplete"]
    [call] = calls_of(stage)
    assert {"toolCallCancellation": {"ids": [call["id"]]}} in [m for _when, m in stage.heard]
    answer(stage, call)
    stage.wait(6)
    assert stage.said() == "One, two."


def test_no_interruption_lets_a_blocking_call_go_on() -> None:
    handling = {"activityHandling": "NO_INTERRUPTION"}
    stage = conversation(
        tools=tools("book_slot", behavior="BLOCKING"), realtimeInputConfig=handling
    )
    stage.type(ASK)
    stage.wait(1)
    stage.type("Count to two.")
    stage.wait(2)
    answer(stage, calls_of(stage)[0])
    stage.wait(10)
    assert "interrupted" not in stage.kinds()
    assert stage.said() == "book_slot says: booked.One, two."


def test_when_idle_waits_for_the_answer_that_is_being_played() -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    stage.type("Count to three.")
    stage.wait(1)
    answer(stage, calls_of(stage)[0], scheduling="WHEN_IDLE")
    stage.wait(12)
    assert "interrupted" not in stage.kinds()
    assert stage.said() == "One, two, three.book_slot says: booked."


@pytest.mark.parametrize("inside", [False, True])
def test_interrupt_cuts_in(inside: bool) -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    stage.type("Tell me a long story.")
    stage.wait(3)
    start, [call] = stage.now, calls_of(stage)
    if inside:
        response = {"output": "booked", "scheduling": "INTERRUPT"}
        answer(stage, call, response=response)
    else:
        answer(stage, call, scheduling="INTERRUPT")
    assert stage.kinds(start) == ["interrupted", "turnComplete"]
    stage.wait(6)
    assert stage.said(start) == "book_slot says: booked."


def test_silent_is_remembered_and_not_told() -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    start = stage.now
    answer(stage, calls_of(stage)[0], scheduling="SILENT")
    stage.wait(6)
    assert stage.kinds(start) == []
    assert [said.role for said in stage.session.memory] == [Role.USER, Role.MODEL, Role.TOOL]


def test_a_function_that_goes_on_answers_several_times() -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    [call] = calls_of(stage)
    for output, more in (("half", True), ("all", False), ("too late", False)):
        answer(stage, call, output, willContinue=more)
        stage.wait(6)
    assert stage.said() == "book_slot says: half.book_slot says: all."


def test_the_answer_waits_for_a_user_who_speaks() -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    question = speak("Count to two.", 16000)
    stage.play(question[:16000])
    start = stage.now
    answer(stage, calls_of(stage)[0])
    stage.play(question[16000:] + bytes(32000))
    stage.wait(8)
    assert "interrupted" not in stage.kinds(start)
    assert stage.said() == "book_slot says: booked. One, two."


def test_what_a_function_says_in_error() -> None:
    stage = caller()
    stage.type(ASK)
    stage.wait(1)
    answer(stage, calls_of(stage)[0], response={"error": "no such slot"})
    stage.wait(6)
    assert stage.said() == "book_slot failed: no such slot."


def test_the_text_model_shows_its_code_first() -> None:
    stage = conversation(TEXT_SETUP, tools=tools("book_slot"))
    stage.send({"clientContent": {"turns": [{"parts": [{"text": ASK}]}], "turnComplete": True}})
    stage.wait(1)
    assert stage.kinds()[1:] == ["text", "toolCall"]
    [turn] = stage.content("modelTurn")
    code = turn["parts"][0]["executableCode"]
    assert code == {"language": "PYTHON", "code": "print(default_api.book_slot(slot='tomorrow'))"}
    assert calls_of(stage)[0]["id"].startswith("function-call-")


def test_a_pending_call_survives_the_connection() -> None:
    session, sessions = Session(), Sessions()
    setup = setup_of({**AUDIO_SETUP, "tools": tools("book_slot", behavior="BLOCKING")})

    def connect(_new: Session, _mine: Sessions) -> Talk:
        return Conversation(setup, Pace(), session, sessions, epoch=NOON)

    first = Stage(connect)
    first.wait(1)
    first.type(ASK)
    first.wait(1)
    first.talk.finish(first.now)
    second = Stage(connect)
    second.wait(1)
    assert second.talk.in_mid_speech
    answer(second, calls_of(first)[0])
    second.wait(6)
    assert second.said() == "book_slot says: booked."


def test_vertex_may_leave_the_id_out() -> None:
    setup = {**AUDIO_SETUP, "model": VERTEX_NAME}
    stage = conversation(setup, VERTEX, tools=tools("book_slot"))
    stage.type(ASK)
    stage.wait(1)
    response = {"name": "book_slot", "response": {"output": "booked"}}
    stage.send({"toolResponse": {"functionResponses": [response]}})
    stage.wait(6)
    assert stage.said() == "book_slot says: booked."


def test_new_tools_replace_the_old_ones() -> None:
    stage = caller()
    stage.send({"contextUpdate": {"tools": {"tools": tools("other")}}})
    stage.type("Call other, not book_slot.")
    stage.wait(1)
    assert [call["name"] for call in calls_of(stage)] == ["other"]
    stage.send({"contextUpdate": {"tools": {"tools": []}}})
    stage.type("Call other.")
    stage.wait(6)
    assert stage.kinds().count("toolCall") == 1


@pytest.mark.parametrize(
    ("setup", "response", "code"),
    [
        (AUDIO_SETUP, {"id": "call_1", "name": "book_slot"}, 1008),
        (AUDIO_SETUP, {"name": "book_slot"}, 1007),
        (AUDIO_SETUP, {"id": "call_1", "scheduling": "SOON"}, 1007),
        (LEGACY, {"id": "call_1", "scheduling": "SILENT"}, 1007),
        (AUDIO_SETUP, {"id": "call_1", "response": []}, 1007),
    ],
)
def test_what_is_no_answer(setup: dict[str, Any], response: dict[str, Any], code: int) -> None:
    stage = caller(setup)
    with pytest.raises(Refusal) as caught:
        stage.send({"toolResponse": {"functionResponses": [response]}})
    assert caught.value.code == code


def test_2_5_takes_no_realtime_input_while_a_call_is_pending() -> None:
    stage = caller(NATIVE)
    stage.send({"clientContent": {"turns": [{"parts": [{"text": ASK}]}], "turnComplete": True}})
    stage.wait(1)
    with pytest.raises(Refusal) as caught:
        stage.type("Hello?")
    assert (caught.value.code, caught.value.reason) == (
        1008,
        "Operation is not implemented, or supported, or enabled.",
    )
