import json

import msgspec
import pytest

from conversations import protocol as p
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState


def started(seq: int, speaker: Speaker = Speaker.USER) -> p.TurnStarted:
    return p.TurnStarted(epoch=1, seq=seq, ms=seq, turn=f"1.{seq}", speaker=speaker)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"start","agent":"a"}', p.Start(agent="a")),
        ('{"type":"resume","conversation":"c","epoch":2,"seq":7}', p.Resume("c", 2, 7)),
    ],
)
def test_first_messages(text: str, message: p.FirstMessage) -> None:
    assert p.first_decoder.decode(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"type":"text","id":"1","text":"x"}',
        '{"type":"start"}',
        '{"type":"start","agent":""}',
        '{"type":"resume","conversation":"c","epoch":-1}',
    ],
)
def test_other_first_messages_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        p.first_decoder.decode(text)


@pytest.mark.parametrize("ref", ["", "a b", "a\0b", "é", "x" * 65])
def test_a_texts_id_is_visible_ascii(ref: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        p.client_decoder.decode(json.dumps({"type": "text", "id": ref, "text": "x"}))


def test_a_text_has_a_bound() -> None:
    long = json.dumps({"type": "text", "id": "1", "text": "x" * (p.TEXT_CHARS + 1)})
    with pytest.raises(msgspec.ValidationError):
        p.client_decoder.decode(long)


def test_events_survive_the_wire() -> None:
    event = p.Ended(epoch=3, seq=9, ms=12, reason=EndReason.USER_LEFT)
    assert p.event_decoder.decode(p.encode(event)) == event
    assert p.position_decoder.decode(p.encode(event)) == p.Position("event", 3, 9, "ended")


def test_an_audio_frame_is_a_header_and_the_samples() -> None:
    frame = p.audio_frame(257, 5, b"\x01\x00")
    assert frame == bytes([1, 1, 240, 0, 5, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x01\x00", "bad-frame"),
        (p.HEADER.pack(9, 0, 160, 0), "bad-frame"),
        (p.HEADER.pack(1, 0, 480, 0) + b"\0\0", "bad-audio-rate"),
        (p.HEADER.pack(1, 0, 160, 0) + b"\0", "bad-frame"),
    ],
)
def test_what_is_no_audio_frame_is_refused(frame: bytes, code: str) -> None:
    with pytest.raises(p.BadFrame) as refusal:
        p.check_audio_frame(frame)
    assert refusal.value.code == code
    assert refusal.value.fix


def test_microphone_audio_is_taken() -> None:
    p.check_audio_frame(p.HEADER.pack(1, 0, 160, 0) + b"\0\0" * 320)


class TestPicture:
    def test_a_turn_grows_ends_and_is_saved(self) -> None:
        picture = p.Picture()
        picture.fold(started(1))
        picture.fold(p.TurnText(epoch=1, seq=2, ms=2, turn="1.1", text="Hello"))
        picture.fold(p.TurnText(epoch=1, seq=3, ms=3, turn="1.1", text=" there"))
        picture.fold(p.TurnEnded(epoch=1, seq=4, ms=4, turn="1.1", state=TurnState.FINAL))
        picture.fold(p.TurnSaved(epoch=1, seq=5, ms=5, turn="1.1"))
        (turn,) = picture.turns
        assert (turn.text, turn.state, turn.saved) == ("Hello there", TurnState.FINAL, True)

    def test_states_and_the_end_are_folded(self) -> None:
        picture = p.Picture()
        picture.fold(p.StateChanged(epoch=1, seq=1, ms=0, state=ConversationState.LIVE))
        picture.fold(p.AgentChanged(epoch=1, seq=2, ms=0, state=AgentState.SPEAKING))
        assert (picture.state, picture.agent) == (ConversationState.LIVE, AgentState.SPEAKING)
        picture.fold(p.Ended(epoch=1, seq=3, ms=0, reason=EndReason.IDLE_LIMIT))
        assert (picture.state, picture.ended) == (ConversationState.ENDED, EndReason.IDLE_LIMIT)

    def test_events_of_a_turn_that_was_left_out_change_nothing(self) -> None:
        picture = p.Picture()
        picture.fold(p.TurnText(epoch=1, seq=2, ms=2, turn="1.1", text="Hello"))
        assert picture.turns == []

    def test_trimming_leaves_the_newest_turns_and_says_so(self) -> None:
        picture = p.Picture()
        for seq in range(1, 11):
            picture.fold(started(seq))
        picture.trim(3 * p.TURN_OVERHEAD_BYTES)
        assert [turn.turn for turn in picture.turns] == ["1.8", "1.9", "1.10"]
        assert picture.earlier

    def test_trimming_keeps_the_last_turn_whatever_its_size(self) -> None:
        picture = p.Picture()
        picture.fold(started(1))
        picture.trim(0)
        assert len(picture.turns) == 1
        assert not picture.earlier
