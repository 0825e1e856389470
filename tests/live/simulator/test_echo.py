import base64
import json

import pytest

from live.simulator.closes import Refusal
from tests.live.simulator.stage import AUDIO_SETUP, VERTEX, VERTEX_NAME, Stage, audio_message, echo


def echoed(stage: Stage) -> bytes:
    [(_when, pcm)] = stage.chunks()
    return pcm


@pytest.mark.parametrize(("rate", "size"), [(16000, 3200), (16000, 640), (48000, 9600)])
def test_each_chunk_comes_back_at_once_with_its_first_bytes(rate: int, size: int) -> None:
    stage = echo()
    pcm = bytes(range(100, 108)) + bytes(size - 8)
    stage.send(audio_message(pcm, rate))
    assert echoed(stage)[:8] == pcm[:8]
    assert len(echoed(stage)) == size * 24000 // rate
    assert stage.heard[0][0] == stage.now


def test_both_casings_and_alphabets() -> None:
    stage = echo()
    pcm = b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8" + bytes(632)
    data = base64.urlsafe_b64encode(pcm).decode()
    stage.send({"realtime_input": {"audio": {"data": data, "mime_type": "audio/pcm;rate=16000"}}})
    assert echoed(stage)[:8] == pcm[:8]


@pytest.mark.parametrize("padding", ["", "="])
def test_padding_may_be_left_out(padding: str) -> None:
    stage = echo()
    data = base64.b64encode(bytes(range(200, 208))).decode().rstrip("=") + padding
    stage.send({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm"}}})
    assert echoed(stage)[:8] == bytes(range(200, 208))


def test_a_mime_type_without_a_rate_means_16_khz() -> None:
    stage = echo()
    data = base64.b64encode(bytes(320)).decode()
    stage.send({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm"}}})
    assert len(echoed(stage)) == 480


def test_the_rest_of_the_answer_is_sound() -> None:
    stage = echo()
    stage.send(audio_message(bytes(3200)))
    assert any(echoed(stage)[9:])


def test_text_comes_back_as_a_turn() -> None:
    stage = echo()
    stage.type("hello")
    assert stage.said() == "hello"
    assert stage.kinds() == ["outputTranscription", "generationComplete", "turnComplete"]
    turns = [{"parts": [{"text": "again"}]}]
    stage.send({"clientContent": {"turns": turns, "turnComplete": True}})
    assert stage.said() == "helloagain"


def test_what_has_nothing_to_echo_is_taken_quietly() -> None:
    stage = echo()
    stage.send({"realtimeInput": {"audioStreamEnd": True}})
    stage.send(audio_message(b""))
    assert stage.heard == []


@pytest.mark.parametrize(
    "message",
    [
        {"setup": AUDIO_SETUP},
        {"nonsense": 1},
        {"realtimeInput": {"audio": {"data": "AAAAAAAAAAAAAAAA", "mimeType": "audio/wav"}}},
        {"realtimeInput": {"audio": {"data": "????????????????", "mimeType": "audio/pcm"}}},
        {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": 5}}},
        {"realtimeInput": {"audio": {"data": "A" * 400 + "????", "mimeType": "audio/pcm"}}},
        {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}, "nonsense": 1}},
    ],
)
def test_it_refuses_as_the_conversation_does(message: dict[str, object]) -> None:
    with pytest.raises(Refusal) as caught:
        echo().send(message)
    assert caught.value.code == 1007


def test_the_frame_is_what_the_real_server_would_send() -> None:
    stage = echo({**AUDIO_SETUP, "model": VERTEX_NAME}, VERTEX)
    stage.talk.receive(json.dumps(audio_message(bytes(3200))), stage.now)
    [frame] = stage.talk.take()
    assert frame == json.dumps(json.loads(frame), indent=2).encode() + b"\n"
