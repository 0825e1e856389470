from typing import Any

import pytest

from live.simulator.answer import BYTES_PER_S, CHUNK, FIRST_CHUNK
from live.simulator.sessions import Role
from live.simulator.speaking import Phase, Speaking
from live.simulator.talk import Pace
from tests.live.simulator.stage import (
    AUDIO_SETUP,
    TEXT_SETUP,
    VERTEX,
    VERTEX_NAME,
    Stage,
    conversation,
)


def speaker(stage: Stage) -> Speaking:
    assert isinstance(stage.talk, Speaking)
    return stage.talk


def test_sound_comes_faster_than_it_plays() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(4.4)
    chunks = stage.chunks()
    assert [len(pcm) for _when, pcm in chunks[:3]] == [FIRST_CHUNK, CHUNK, CHUNK]
    sent_s = sum(len(pcm) for _when, pcm in chunks) / BYTES_PER_S
    assert sent_s == pytest.approx(5 * 4.0, rel=0.05)


def test_turn_is_complete_when_playback_would_end() -> None:
    stage = conversation()
    stage.type("Count to ten.")
    stage.wait(20)
    chunks = stage.chunks()
    playing_s = sum(len(pcm) for _when, pcm in chunks) / BYTES_PER_S
    assert stage.at("generationComplete") < chunks[0][0] + playing_s / 4
    assert stage.at("turnComplete") == pytest.approx(chunks[0][0] + playing_s, abs=0.1)
    assert speaker(stage).phase is Phase.IDLE


def test_a_written_answer_is_complete_at_once() -> None:
    stage = conversation(TEXT_SETUP)
    stage.send({"clientContent": {"turns": [{"parts": [{"text": "Hello"}]}], "turnComplete": True}})
    stage.wait(1)
    assert stage.kinds()[1:] == ["text", "generationComplete", "turnComplete"]
    turns = stage.content("modelTurn")
    assert "".join(turn["parts"][0]["text"] for turn in turns).startswith("Hello!")
    assert all("role" not in turn for turn in turns)
    assert stage.at("turnComplete") == stage.at("generationComplete")
    assert stage.usage()["responseTokensDetails"][0]["modality"] == "TEXT"


def test_3_1_puts_sound_and_transcript_into_one_message_and_renews_the_handle() -> None:
    stage = conversation({**AUDIO_SETUP, "model": "models/gemini-3.1-flash-live-preview"})
    stage.type("Count to three.")
    stage.wait(5)
    contents = [message.get("serverContent", {}) for _when, message in stage.heard]
    assert any("modelTurn" in each and "outputTranscription" in each for each in contents)
    assert stage.kinds()[-1] == "sessionResumptionUpdate"
    assert len(stage.session.handles) == 2


def test_3_8_sends_noise_between_its_messages() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(30)
    messages = [message for _when, message in stage.heard]
    assert {} in messages
    assert {"serverContent": {}} in messages


def test_a_client_that_stalls_is_not_flooded_afterwards() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(1)
    before = len(stage.chunks())
    stage.now += 60  # nothing could be sent, so nobody advanced the talk
    stage.wait(0.1)
    assert len(stage.chunks()) - before < 10
    stage.wait(1)
    assert len(stage.chunks()) - before < 30


def test_memory_keeps_what_was_played_before_the_cut() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(5)
    stage.type("Stop")
    story = [said for said in stage.session.memory if said.role is Role.MODEL]
    assert len(story) == 1
    assert story[0].audio_s == pytest.approx(4.6, abs=0.1)
    assert stage.said().startswith(story[0].text)
    assert len(story[0].text) < len(stage.said()) / 2


def test_a_lost_connection_keeps_it_too() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(5)
    assert stage.talk.in_mid_speech
    stage.talk.finish(stage.now)
    assert [said.role for said in stage.session.memory] == [Role.USER, Role.MODEL]


def test_playback_may_be_waited_for_in_part() -> None:
    stage = conversation(pace=Pace(playback=0.0, thinking=0.0))
    start = stage.now
    stage.type("Count to ten.")
    stage.wait(5)
    assert stage.at("turnComplete") - start < 2.5


def test_without_output_transcription_only_sound_is_sent() -> None:
    stage = conversation({"model": "models/gemini-2.5-flash-native-audio-latest"})
    stage.type("Say hello world.")
    stage.wait(5)
    assert stage.said() == ""
    assert stage.spoken() == "hello world."


def typed(stage: Stage, text: str) -> None:
    turns = [{"parts": [{"text": text}]}]
    stage.send({"clientContent": {"turns": turns, "turnComplete": True}})
    stage.wait(10)


def parts(stage: Stage) -> list[dict[str, Any]]:
    return [part for turn in stage.content("modelTurn") for part in turn["parts"]]


def test_a_search_is_told_before_the_generation_ends() -> None:
    stage = conversation(tools=[{"googleSearch": {}}])
    stage.type("Search for owls.")
    stage.wait(10)
    kinds = stage.kinds()
    assert kinds[kinds.index("groundingMetadata") + 1] == "generationComplete"
    [grounding] = stage.content("groundingMetadata")
    assert grounding["webSearchQueries"] == ["owls"]
    assert stage.said().startswith("I searched the web.")
    stage.type("Thanks")
    stage.wait(10)
    assert len(stage.content("groundingMetadata")) == 1


def test_an_interrupted_search_tells_no_sources() -> None:
    stage = conversation(tools=[{"googleSearch": {}}], pace=Pace(speed=1.0))
    stage.type("Search for owls.")
    stage.wait(1)
    stage.type("Stop")
    stage.wait(10)
    assert stage.content("interrupted") == [True]
    assert stage.content("groundingMetadata") == []


def test_code_and_its_result_come_before_the_answer() -> None:
    stage = conversation({**TEXT_SETUP, "tools": [{"codeExecution": {}}, {"urlContext": {}}]})
    typed(stage, "What is 12 times 7?")
    code, result, *texts = parts(stage)
    assert code == {"executableCode": {"language": "PYTHON", "code": "print(12 * 7)"}}
    assert result == {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "84\n"}}
    assert "".join(part["text"] for part in texts) == "12 times 7 is 84."
    typed(stage, "Read https://example.com/")
    assert len(stage.content("urlContextMetadata")) == 1


def test_only_the_half_cascade_models_run_code() -> None:
    stage = conversation(tools=[{"codeExecution": {}}])
    stage.type("What is 12 times 7?")
    stage.wait(10)
    assert all("inlineData" in part for part in parts(stage))


EXTENDED = {**AUDIO_SETUP, "model": "models/gemini-3.8-live-extended-thinking"}


@pytest.mark.parametrize("includes", [True, False])
def test_thoughts_are_counted_and_told_to_those_who_want_them(includes: bool) -> None:
    config = {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": includes}}
    stage = conversation(EXTENDED, generationConfig=config)
    stage.type("Say yes.")
    stage.wait(10)
    thoughts = [part["text"] for part in parts(stage) if part.get("thought")]
    assert len(thoughts) == int(includes)
    usage = stage.usage()
    assert usage["thoughtsTokenCount"] > 10
    counted = usage["promptTokenCount"] + usage["responseTokenCount"] + usage["thoughtsTokenCount"]
    assert usage["totalTokenCount"] == counted


@pytest.mark.parametrize("config", [{}, {"thinkingConfig": {"thinkingBudget": 0}}])
def test_without_thinking_there_are_no_thoughts(config: dict[str, Any]) -> None:
    native = {**AUDIO_SETUP, "model": "models/gemini-2.5-flash-native-audio-latest"}
    stage = conversation(native, generationConfig=config)
    stage.type("Say yes.")
    stage.wait(10)
    assert "thoughtsTokenCount" not in stage.usage()


def statuses(stage: Stage) -> list[str]:
    return stage.content("interactionStatus")


def test_an_interaction_of_several_turns_says_when_it_is_over() -> None:
    stage = conversation(EXTENDED, tools=[{"functionDeclarations": [{"name": "look_up"}]}])
    stage.type("Please call look_up.")
    stage.wait(2)
    assert stage.kinds()[-1] == "turnComplete"
    assert statuses(stage) == ["IN_PROGRESS"]
    [call] = [m["toolCall"]["functionCalls"][0] for _w, m in stage.heard if "toolCall" in m]
    answered = {"id": call["id"], "name": "look_up", "response": {"output": "blue"}}
    stage.send({"toolResponse": {"functionResponses": [answered]}})
    stage.wait(10)
    assert statuses(stage) == ["IN_PROGRESS", "IDLE"]


def test_what_is_said_meanwhile_keeps_an_interaction_going() -> None:
    stage = conversation(EXTENDED, realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    stage.type("Count to three.")
    stage.wait(1)
    stage.type("Say yes.")
    stage.wait(10)
    assert statuses(stage) == ["IN_PROGRESS", "IDLE"]


def test_other_models_say_nothing_of_interactions() -> None:
    stage = conversation()
    stage.type("Say yes.")
    stage.wait(10)
    assert statuses(stage) == []


def test_vertex_says_when_a_transcript_is_finished() -> None:
    stage = conversation({**AUDIO_SETUP, "model": VERTEX_NAME}, VERTEX)
    stage.type("Say yes.")
    stage.wait(10)
    assert stage.content("outputTranscription")[-1] == {"finished": True}
    kinds = stage.kinds()
    assert kinds[kinds.index("generationComplete") - 1] == "outputTranscription"
