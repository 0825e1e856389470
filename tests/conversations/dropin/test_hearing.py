"""What a caller says, as the frames of our own protocol."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import protocol as p
from conversations.dropin.hearing import PIECE_BYTES, Hearing
from conversations.dropin.refusals import Refusal

JPEG = b"\xff\xd8\xff" + bytes(20) + b"\xff\xd9"


def hearing() -> Hearing:
    names = iter("abcdefgh")
    return Hearing(name=lambda: next(names))


def heard(message: dict[str, Any], to: Hearing | None = None) -> list[Any]:
    frames = (to or hearing()).take(json.dumps(message))
    return [f if f[0] in (p.AUDIO, p.PICTURE) else p.client_decoder.decode(f) for f in frames]


def sound(pcm: bytes, mime: str = "audio/pcm;rate=16000", name: str = "audio") -> dict[str, Any]:
    blob = {"data": b64encode(pcm).decode(), "mimeType": mime}
    return {"realtimeInput": {name: [blob] if name == "mediaChunks" else blob}}


@pytest.mark.parametrize("name", ["audio", "mediaChunks"])
def test_sound_is_ours_in_pieces(name: str) -> None:
    pcm = bytes(range(256)) * 300
    frames = heard(sound(pcm, name=name))
    for frame in frames:
        p.check_input_frame(frame)
    assert b"".join(frame[p.HEADER.size :] for frame in frames) == pcm
    assert len(frames) == -(-len(pcm) // PIECE_BYTES)


def test_what_python_sends_is_understood() -> None:
    """snake_case outside, base64 for URLs."""
    blob = {"data": urlsafe_b64encode(b"\xfb\xff" * 4).decode(), "mime_type": "audio/pcm"}
    [frame] = heard({"realtime_input": {"audio": blob}})
    assert frame[p.HEADER.size :] == b"\xfb\xff" * 4


@given(st.sampled_from([8000, 22050, 24000, 44100, 48000]), st.lists(st.integers(1, 999)))
def test_other_rates_become_ours_whatever_the_pieces(rate: int, sizes: list[int]) -> None:
    to, got = hearing(), b""
    for size in sizes:
        for frame in heard(sound(b"\x10\x27" * size, f"audio/pcm;rate={rate}"), to):
            got += frame[p.HEADER.size :]
    samples = memoryview(got).cast("h")
    assert abs(len(samples) - sum(sizes) * 16000 / rate) <= 2
    assert set(samples) <= {10_000}


def test_a_picture() -> None:
    [frame] = heard(sound(JPEG, "image/jpeg", "video"))
    assert frame == p.picture_frame(1, JPEG)


def test_texts() -> None:
    assert heard({"realtimeInput": {"text": "Hello"}}) == [p.SendText(id="a", text="Hello")]
    assert heard({"realtimeInput": {"audioStreamEnd": True}}) == [p.AudioEnd()]


def turn(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def test_turns_wait_for_the_last_of_them() -> None:
    to = hearing()
    assert heard({"clientContent": {"turns": [turn("One.")]}}, to) == []
    last = {"clientContent": {"turns": [turn("Two.")], "turnComplete": True}}
    assert heard(last, to) == [p.SendText(id="a", text="One.\nTwo.")]


def test_what_was_said_elsewhere_is_quoted() -> None:
    turns = [turn("Hi."), turn("Hello!", "model"), turn("And now?")]
    [text] = heard({"clientContent": {"turns": turns, "turnComplete": True}})
    assert text.text == "What was said before:\nUser: Hi.\nYou: Hello!\n\nAnd now?"


def test_the_answer_of_a_function() -> None:
    responses = [{"id": "c-1", "name": "f", "response": {"output": 1}}]
    message = {"toolResponse": {"functionResponses": responses}}
    assert heard(message) == [p.ToolResult(call="c-1", result={"output": 1})]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a second setup": ({"setup": {"model": "m"}}, "setup must be the first"),
    "nothing": ({}, "exactly one kind"),
    "an unknown name": (
        {"realtimeInput": {"smell": 1}},
        "Unknown name \"smell\" at 'realtimeInput'",
    ),
    "activity": ({"realtimeInput": {"activityStart": {}}}, "neither activityStart"),
    "other sound": (sound(b"1234", "audio/opus"), "PCM16"),
    "half a sample": (sound(b"123"), "PCM16"),
    "no picture": (sound(b"png", "image/png", "video"), "JPEG"),
    "other tools": ({"contextUpdate": {"tools": {"tools": []}}}, "cannot be changed"),
    "a long text": ({"realtimeInput": {"text": "x" * 8001}}, "8000 characters"),
    "sound as content": (
        {"clientContent": {"turns": [{"parts": [{"inlineData": {"data": ""}}]}]}},
        "as realtimeInput",
    ),
    "no id": ({"toolResponse": {"functionResponses": [{"name": "f"}]}}, "needs the id"),
    "a long answer": (
        {"toolResponse": {"functionResponses": [{"id": "1", "response": {"a": "x" * 40_000}}]}},
        "32768 bytes",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_as_google_does(what: str) -> None:
    message, words = REFUSED[what]
    with pytest.raises(Refusal) as refused:
        heard(message)
    assert refused.value.code == 1007
    assert words in refused.value.text


def test_turns_that_nobody_completes_have_a_bound() -> None:
    to = hearing()
    held = {"clientContent": {"turns": [turn("x" * 7000)]}}
    assert heard(held, to) == []
    with pytest.raises(Refusal):
        heard(held, to)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_anything_else_is_refused(frame: bytes | str) -> None:
    with pytest.raises(Refusal):
        hearing().take(frame)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "setup",
                        "realtimeInput",
                        "audio",
                        "data",
                        "turns",
                        "clientContent",
                        "parts",
                        "x",
                    ]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_json_is_taken_or_refused(message: Any) -> None:
    try:
        frames = hearing().take(msgspec.json.encode(message))
    except Refusal:
        return
    assert all(frame[0] in (p.AUDIO, p.PICTURE) or frame.startswith(b"{") for frame in frames)
