import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.errors import InvalidRequest, ProtocolError
from live.messages import ClientContent, ClientMessage, text_content
from live.wire import decode, encode, encode_audio, read, seconds
from tests.live.samples import on_the_wire, sample, samples

SERVER = samples("server")
PCM = bytes(range(256)) * 12


def audio_message(data: str) -> dict[str, Any]:
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
    return {"serverContent": {"modelTurn": {"parts": [part]}}}


def audio_of(data: bytes | str) -> bytes:
    content = decode(data).server_content
    assert content is not None
    assert content.model_turn is not None
    blob = content.model_turn.parts[0].inline_data
    assert blob is not None
    return blob.data


@pytest.mark.parametrize(("kind", "message"), SERVER, ids=[kind for kind, _ in SERVER])
def test_every_server_sample_is_understood_to_the_last_name(
    kind: str, message: dict[str, Any]
) -> None:
    from_binary, whole = read(on_the_wire(message))
    assert whole
    assert decode(on_the_wire(message).decode()) == from_binary
    known = [name for name in from_binary.__struct_fields__ if getattr(from_binary, name)]
    assert len(known) == len(message)


def test_audio_in_both_base64_alphabets_padded_or_not() -> None:
    standard = base64.b64encode(PCM + b"\xff").decode()
    for data in (
        standard,
        standard.rstrip("="),
        base64.urlsafe_b64encode(PCM + b"\xff").decode(),
        base64.urlsafe_b64encode(PCM + b"\xff").decode().rstrip("="),
    ):
        assert audio_of(on_the_wire(audio_message(data))) == PCM + b"\xff"


@pytest.mark.parametrize("data", ["====", "abc$", "a", "ä"])
def test_what_is_no_base64_is_a_protocol_error(data: str) -> None:
    with pytest.raises(ProtocolError):
        decode(on_the_wire(audio_message(data)))


def test_int64_comes_as_a_string_or_a_number() -> None:
    for index in ("9007199254740993", 9007199254740993):
        update = decode(
            on_the_wire({"sessionResumptionUpdate": {"lastConsumedClientMessageIndex": index}})
        ).session_resumption_update
        assert update is not None
        assert update.last_consumed_client_message_index == 9007199254740993


def test_usage_with_the_names_of_vertex_ai() -> None:
    usage = decode(on_the_wire(sample("usageMetadata.vertex"))).usage_metadata
    assert usage is not None
    assert usage.candidates_token_count == 50
    assert usage.candidates_tokens_details[0].modality == "AUDIO"


@pytest.mark.parametrize(
    "message",
    [
        {"somethingNew": {"a": 1}},
        {"serverContent": {"turnComplete": True, "somethingNew": 1}},
        {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "somethingNew": []}]}},
    ],
)
def test_an_unknown_name_is_noticed_and_does_no_harm(message: dict[str, Any]) -> None:
    decoded, whole = read(on_the_wire(message))
    assert not whole
    if "serverContent" in message:
        assert decoded.server_content is not None
        assert decoded.server_content.turn_complete


def test_null_is_the_default() -> None:
    message = {"serverContent": {"turnComplete": None, "modelTurn": None}, "goAway": None}
    decoded, whole = read(on_the_wire(message))
    assert whole
    assert decoded.server_content is not None
    assert not decoded.server_content.turn_complete
    assert decoded.go_away is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"serverContent": 1}',
        b'{"serverContent": {"turnComplete": "perhaps"}}',
        b'{"serverContent": {"modelTurn": {"parts": [null]}}}',
        b'{"usageMetadata": {"totalTokenCount": 1e999}}',
        b'{"x": ' * 100_000,
        b"\xff\xfe",
        b'{"goAway": {}} trailing',
        '{"goAway": {"timeLeft": "\ud800"}}',
    ],
)
def test_what_is_no_message_is_a_protocol_error_that_quotes_nothing(data: bytes | str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(data)
    assert caught.value.code == "message_malformed"
    assert caught.value.__cause__ is None
    assert "perhaps" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a message."""
    inside: list[tuple[Any, ...]] = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, dict | list) else ():
        inside += places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]
    return inside


@given(st.data())
def test_a_mutated_sample_raises_nothing_but_the_typed_error(data: st.DataObject) -> None:
    message = copy.deepcopy(data.draw(st.sampled_from(SERVER))[1])
    if paths := places(message):
        *path, last = data.draw(st.sampled_from(paths))
        target = message
        for key in path:
            target = target[key]
        target[last] = data.draw(json_values)
    try:
        decode(on_the_wire(message))
    except ProtocolError as error:
        assert error.fix  # noqa: PT017 - any message may be one or the other


@given(st.sampled_from(SERVER), st.data())
def test_a_damaged_frame_raises_nothing_but_the_typed_error(
    entry: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    frame = bytearray(on_the_wire(entry[1]))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        decode(bytes(frame))
    except ProtocolError as error:
        assert error.fix  # noqa: PT017 - any frame may be one or the other


@given(st.binary(max_size=200), st.integers(8_000, 48_000))
def test_audio_out_is_standard_base64_with_its_rate(pcm: bytes, rate: int) -> None:
    blob = json.loads(encode_audio(pcm, rate))["realtimeInput"]["audio"]
    assert base64.b64decode(blob.get("data", ""), validate=True) == pcm
    assert blob["mimeType"] == f"audio/pcm;rate={rate}"


def test_text_with_half_a_character_is_refused() -> None:
    content = ClientContent(turns=[text_content("user", "\ud83d")])
    with pytest.raises(InvalidRequest):
        encode(ClientMessage(client_content=content))


@pytest.mark.parametrize(
    ("text", "value"), [("", 0), ("50s", 50), ("9.500s", 9.5), ("0.160s", 0.16), ("-1s", -1)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["50", "s", "1e3s", "nans", "infs", " 1s", "1 s", "٣s", "1.s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        seconds(text)
