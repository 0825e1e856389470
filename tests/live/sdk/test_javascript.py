"""The unmodified official JavaScript SDK, on Node, talks with the simulator."""

from typing import Any

import pytest

from live.simulator import Script, Simulator
from live.simulator.scenario import GoAway, Step
from live.simulator.speech import hear, speak
from tests.live.sdk.node import Closed, Driver, SdkError

MODEL = "gemini-3.8-live"
CONFIG: dict[str, Any] = {
    "responseModalities": ["AUDIO"],
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "sessionResumption": {},
}
BOOK_SLOT = {
    "name": "book_slot",
    "description": "Books a slot",
    "parameters": {"type": "OBJECT", "properties": {"hour": {"type": "INTEGER"}}},
}
PAUSE = bytes(2 * 16000)


def options(simulator: Simulator, key: str | None = None) -> dict[str, Any]:
    return {"apiKey": key or simulator.api_key, "httpOptions": {"baseUrl": simulator.url}}


async def test_a_typed_conversation(simulator: Simulator, driver: Driver) -> None:
    assert await driver.connect(options(simulator), MODEL, CONFIG) == {}
    await driver.call("sendClientContent", turns="Count to three.")
    first = await driver.turn()
    await driver.text("The code word is owl.")
    second = await driver.turn()
    assert first.said == hear(first.sound, 24000) == "One, two, three."
    assert first.tokens > 0
    assert second.said == "I will remember it: the code word is owl."
    await driver.close()


async def test_a_spoken_conversation_with_an_interruption(
    simulator: Simulator, driver: Driver
) -> None:
    await driver.connect(options(simulator), MODEL, CONFIG)
    await driver.audio(speak("Tell me a long story.", 16000) + PAUSE)
    async for message in driver.messages():
        if "outputTranscription" in message.get("serverContent", {}):
            break
    await driver.audio(speak("Stop! How much is the trail runner?", 16000) + PAUSE)
    story, answer = await driver.turn(), await driver.turn()
    assert story.interrupted
    assert answer.understood == "Stop! How much is the trail runner?"
    assert answer.said.startswith("The Trail Runner costs 89.90 euros.")
    assert hear(answer.sound, 24000) == answer.said


async def test_speech_is_understood_over_tls(simulator: Simulator, driver: Driver) -> None:
    over_tls = options(simulator) | {"httpOptions": {"baseUrl": simulator.tls_url}}
    await driver.connect(over_tls, MODEL, CONFIG)
    await driver.audio(speak("Say yes.", 16000) + PAUSE)
    turn = await driver.turn()
    assert turn.activity == ["ACTIVITY_START", "ACTIVITY_END"]
    assert (turn.understood, turn.said) == ("Say yes.", "yes.")
    assert turn.handle


async def test_manual_activity_signals(simulator: Simulator, driver: Driver) -> None:
    manual = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
    await driver.connect(options(simulator), MODEL, CONFIG | manual)
    await driver.audio(speak("Nobody listens yet.", 16000) + PAUSE)
    await driver.call("sendRealtimeInput", activityStart={})
    await driver.audio(speak("Say manual.", 16000))
    await driver.call("sendRealtimeInput", activityEnd={})
    turn = await driver.turn()
    assert (turn.understood, turn.said) == ("Say manual.", "manual.")
    assert turn.activity == []


async def test_a_tool_call_and_its_response(simulator: Simulator, driver: Driver) -> None:
    tools = {"tools": [{"functionDeclarations": [BOOK_SLOT, {"name": "look_up"}]}]}
    await driver.connect(options(simulator), MODEL, CONFIG | tools)
    await driver.audio(speak("Please book slot nine, and look up.", 16000) + PAUSE)
    first, second = (await driver.turn()).calls
    assert (first["name"], first["args"]) == ("book_slot", {"hour": 9})
    assert second["name"] == "look_up"
    responses = [
        {"id": second["id"], "name": "look_up", "response": {}, "scheduling": "SILENT"},
        {"id": first["id"], "name": "book_slot", "response": {"output": "booked"}},
    ]
    await driver.call("sendToolResponse", functionResponses=responses)
    assert (await driver.turn()).said == "book_slot says: booked."


async def test_a_blocking_call_is_cancelled_by_an_interruption(
    simulator: Simulator, driver: Driver
) -> None:
    tools = {"tools": [{"functionDeclarations": [BOOK_SLOT | {"behavior": "BLOCKING"}]}]}
    await driver.connect(options(simulator), MODEL, CONFIG | tools)
    await driver.text("book_slot")
    async for message in driver.messages():
        if "toolCall" in message:
            break
    [call] = message["toolCall"]["functionCalls"]
    await driver.text("Say never mind.")
    assert (await driver.turn()).cancelled == [call["id"]]
    assert (await driver.turn()).said == "never mind."


async def test_a_session_goes_on_across_a_forced_go_away(
    simulator: Simulator, driver: Driver
) -> None:
    simulator.script(Script(steps=(Step(do=GoAway(time_left=0.05), at="turn"),)))
    await driver.connect(options(simulator), MODEL, CONFIG)
    await driver.text("The code word is owl.")
    handle = (await driver.turn()).handle
    late, closed = await driver.end()
    assert [message["goAway"] for message in late if "goAway" in message] == [{"timeLeft": "0.05s"}]
    assert closed.code == 1008
    assert closed.reason.startswith("Connection aborted because the client failed to close")
    resumed = CONFIG | {"sessionResumption": {"handle": handle}}
    await driver.connect(options(simulator), MODEL, resumed)
    await driver.text("What is the code word?")
    assert (await driver.turn()).said == "The code word is owl."


async def test_a_wrong_key_a_wrong_model_and_text(simulator: Simulator, driver: Driver) -> None:
    text = {"responseModalities": ["TEXT"]}
    before = "Live connection closed before setup completed"
    for key, model, config, cause in (
        ("wrong", MODEL, CONFIG, "(code 1007): API key not valid."),
        (None, "gemini-9-live", CONFIG, "(code 1008): models/gemini-9-live is not found"),
        (None, MODEL, text, "(code 1007): The requested combination of response modalities"),
    ):
        with pytest.raises(SdkError) as caught:
            await driver.connect(options(simulator, key), model, config)
        assert str(caught.value).startswith(f"{before} {cause}")


async def test_a_key_on_vertex(simulator: Simulator, driver: Driver) -> None:
    express = options(simulator) | {"vertexai": True}
    setup = await driver.connect(express, MODEL, CONFIG)
    assert setup["sessionId"]
    await driver.text("Say yes.")
    turn = await driver.turn()
    assert turn.said == "yes."


async def test_the_model_that_writes(simulator: Simulator, driver: Driver) -> None:
    config = {"responseModalities": ["TEXT"]}
    await driver.connect(options(simulator), "gemini-live-2.5-flash-preview", config)
    await driver.call("sendClientContent", turns="Count to three.")
    assert (await driver.turn()).written == "One, two, three."


@pytest.mark.parametrize("fault", ["unknown-fields", "no-ops", "joined", "huge", "error-message"])
async def test_what_the_sdk_bears(simulator: Simulator, driver: Driver, fault: str) -> None:
    simulator.script(fault)
    await driver.connect(options(simulator), MODEL, CONFIG)
    await driver.text("Say still here.")
    turn = await driver.turn()
    assert turn.said == hear(turn.sound, 24000) == "still here."


@pytest.mark.parametrize(
    ("fault", "code"),
    [("close-1011", 1011), ("close-1008", 1008), ("close-1000", 1000), ("drop", 1006)],
)
async def test_what_ends_the_sdk(
    simulator: Simulator, driver: Driver, fault: str, code: int
) -> None:
    simulator.script(fault)
    await driver.connect(options(simulator), MODEL, CONFIG)
    await driver.text("Tell me a long story.")
    with pytest.raises(Closed) as caught:
        await driver.turn()
    assert caught.value.code == code
