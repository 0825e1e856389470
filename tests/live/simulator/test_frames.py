import base64
import json

import pytest
from websockets.frames import Frame, Opcode

from live.simulator import frames
from tests.live.samples import on_the_wire, sample


def test_messages_are_indented_by_two_and_end_in_a_newline() -> None:
    assert frames.frame({"setupComplete": {}}) == b'{\n  "setupComplete": {}\n}\n'


def test_audio_is_on_the_wire_as_google_writes_it() -> None:
    pcm = bytes(range(48))
    made = frames.AudioFrames("audio/pcm;rate=24000", role=True)(pcm)
    blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    turn = {"role": "model", "parts": [{"inlineData": blob}]}
    assert made == on_the_wire({"serverContent": {"modelTurn": turn}})


def test_audio_may_carry_its_transcript() -> None:
    made = frames.AudioFrames("audio/pcm", role=False)(b"\1\0", 'say "hi"')
    content = json.loads(made)["serverContent"]
    assert content["outputTranscription"] == {"text": 'say "hi"'}
    assert content["modelTurn"]["parts"][0]["inlineData"]["data"] == "AQA="
    assert "role" not in content["modelTurn"]


def test_go_away_is_a_duration() -> None:
    assert frames.go_away(50) == on_the_wire(sample("goAway"))
    assert json.loads(frames.go_away(9.5)) == {"goAway": {"timeLeft": "9.5s"}}
    assert json.loads(frames.go_away(300.0)) == {"goAway": {"timeLeft": "300s"}}


def test_voice_activity_lies_beside_empty_content() -> None:
    assert json.loads(frames.voice_activity(False, 3.8)) == {
        "serverContent": {},
        "voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "3.800s"},
    }
    assert frames.vad_signal(True) == on_the_wire(sample("voiceActivityDetectionSignal"))


def test_noise_and_transcripts() -> None:
    assert on_the_wire({}) == frames.EMPTY
    assert on_the_wire({"serverContent": {}}) == frames.EMPTY_CONTENT
    assert json.loads(frames.transcription("inputTranscription", "é")) == {
        "serverContent": {"inputTranscription": {"text": "é"}}
    }


def test_a_part_and_the_end_of_a_transcript() -> None:
    assert json.loads(frames.part({"text": "a"}, role=True)) == {
        "serverContent": {"modelTurn": {"role": "model", "parts": [{"text": "a"}]}}
    }
    assert json.loads(frames.transcription("inputTranscription", "", finished=True)) == {
        "serverContent": {"inputTranscription": {"finished": True}}
    }


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_binary_frame_is_the_one_that_websockets_makes(size: int) -> None:
    message = bytes(size)
    assert frames.binary_frame(message) == Frame(Opcode.BINARY, message).serialize(mask=False)
