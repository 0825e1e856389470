import pytest

from live.simulator.answer import BYTES_PER_S, CHUNK, FIRST_CHUNK
from live.simulator.sessions import Role
from live.simulator.speaking import Phase, Speaking
from live.simulator.talk import Pace
from tests.live.simulator.stage import AUDIO_SETUP, TEXT_SETUP, Stage, conversation


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
