import base64
import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.endpoint import Endpoint
from live.errors import InvalidRequest, ProtocolError
from live.events import Event
from live.messages import (
    ClientContent,
    ClientMessage,
    FunctionResponse,
    ToolResponse,
    text_content,
)
from live.session import Session
from live.setup import SessionConfig
from live.wire import decode, encode, encode_audio, read, read_client, seconds
from tests.live.samples import on_the_wire, sample, samples

SERVER = samples("server")
CLIENT = samples("client")
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


SNAKE = re.compile(r"(?<=[a-z])([A-Z])")


def snaked(value: Any) -> Any:
    """The same message in the other casing that protobuf JSON has."""
    if isinstance(value, list):
        return [snaked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        SNAKE.sub(lambda found: f"_{found[1].lower()}", name): item
        if name == "args"
        else snaked(item)
        for name, item in value.items()
    }


@pytest.mark.parametrize(("kind", "message"), SERVER, ids=[kind for kind, _ in SERVER])
def test_both_casings_are_the_same(kind: str, message: dict[str, Any]) -> None:
    assert read(on_the_wire(snaked(message))) == read(on_the_wire(message))


def test_a_number_stands_for_a_name_that_the_service_s_printer_did_not_know() -> None:
    content = decode(on_the_wire({"serverContent": {"interactionStatus": 7}})).server_content
    assert content is not None
    assert content.interaction_status == "7"


@pytest.mark.parametrize(
    "content",
    [
        {"groundingMetadata": 7},
        {"groundingMetadata": {"groundingChunks": [7]}},
        {"groundingMetadata": {"groundingChunks": {"web": {}}}},
        {"groundingMetadata": {"searchEntryPoint": {"sdkBlob": "$"}}},
        {"urlContextMetadata": {"urlMetadata": [{"retrievedUrl": {}}]}},
        {"modelTurn": {"parts": [{"executableCode": {"code": []}}]}},
        {"inputTranscription": {"words": [[]]}},
    ],
)
def test_a_detail_that_does_not_fit_ends_nothing(content: dict[str, Any]) -> None:
    decoded, whole = read(on_the_wire({"serverContent": {"turnComplete": True, **content}}))
    assert not whole
    assert decoded.server_content is not None
    assert decoded.server_content.turn_complete


def test_one_detail_less_leaves_the_others() -> None:
    chunks = [{"web": {"uri": "u1"}}, {"web": {"uri": 1.5}}, {"web": {"uri": "u2"}, "new": 1}]
    message = {"serverContent": {"groundingMetadata": {"groundingChunks": chunks}}}
    content = decode(on_the_wire(message)).server_content
    assert content is not None
    assert content.grounding_metadata is not None
    found = [chunk.web.uri for chunk in content.grounding_metadata.grounding_chunks if chunk.web]
    assert found == ["u1", "u2"]


@pytest.mark.parametrize(("kind", "message"), CLIENT, ids=[kind for kind, _ in CLIENT])
def test_a_client_s_message_in_any_casing_and_alphabet(kind: str, message: dict[str, Any]) -> None:
    typed, whole = read_client(on_the_wire(message))
    assert whole
    assert [name for name in typed.__struct_fields__ if getattr(typed, name) is not None] == [
        SNAKE.sub(lambda found: f"_{found[1].lower()}", name) for name in message
    ]
    assert read_client(encode(typed)) == (typed, True)


def test_the_python_sdk_s_audio_comes_out_whole() -> None:
    typed, _ = read_client(on_the_wire(sample("realtimeInput.audio.python_urlsafe_base64")))
    assert typed.realtime_input is not None
    assert typed.realtime_input.audio is not None
    assert typed.realtime_input.audio.data == base64.urlsafe_b64decode("_v8BAP7_-_8=")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"setup": 1}', b'{"setup": {}}', b"\xff", b'{"x":' * 9**5]
)
def test_what_is_no_client_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_client(data)
    assert caught.value.code == "request_malformed"


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


def understood(frame: bytes) -> bool:
    """Whether a session takes a frame; raises whatever is not the typed error."""
    session = Session(SessionConfig(model="m"), Endpoint.developer())
    session.opened(0.0)
    try:
        events = session.receive(frame, 0.0)
    except ProtocolError as error:
        assert error.fix  # noqa: PT017 - any frame may be one or the other
        assert error.__cause__ is None  # noqa: PT017
        return False
    assert all(isinstance(event, Event) for event in events)
    assert "secret" not in repr(events)
    return True


@st.composite
def mutated(draw: st.DrawFn, entries: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """A sample with some of its values replaced, named anew, taken away or doubled."""
    message: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(entries))[1])
    for _ in range(draw(st.integers(1, 3))):
        if not (paths := places(message)):
            break
        *path, last = draw(st.sampled_from(paths))
        target: Any = message
        for key in path:
            target = target[key]
        change = draw(st.sampled_from(["value", "name", "none", "list", "other"]))
        value = target[last]
        if change == "name" and isinstance(target, dict):
            target[draw(st.text(max_size=9))] = target.pop(last)
        elif change == "none":
            del target[last]
        elif change == "list":
            target[last] = [value, copy.deepcopy(value)]
        elif change == "other":
            target[last] = copy.deepcopy(draw(st.sampled_from(entries))[1])
        else:
            target[last] = draw(json_values)
    return message


@given(mutated(SERVER))
def test_a_mutated_sample_raises_nothing_but_the_typed_error(message: dict[str, Any]) -> None:
    frame = on_the_wire(message)
    if understood(frame):
        assert decode(frame) == decode(json.dumps(message))


@given(mutated(CLIENT))
def test_a_mutated_client_sample_raises_nothing_but_the_typed_error(
    message: dict[str, Any],
) -> None:
    try:
        typed, _ = read_client(on_the_wire(message))
    except InvalidRequest as error:
        assert error.fix  # noqa: PT017 - any message may be one or the other
    else:
        assert read_client(encode(typed))[0] == typed


@given(st.sampled_from(SERVER), st.data())
def test_a_damaged_frame_raises_nothing_but_the_typed_error(
    entry: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    frame = bytearray(on_the_wire(entry[1]))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    understood(bytes(frame))


@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_raises_nothing_but_the_typed_error(frame: bytes) -> None:
    understood(frame)


@given(st.binary(max_size=200), st.integers(8_000, 48_000))
def test_audio_out_is_standard_base64_with_its_rate(pcm: bytes, rate: int) -> None:
    blob = json.loads(encode_audio(pcm, rate))["realtimeInput"]["audio"]
    assert base64.b64decode(blob.get("data", ""), validate=True) == pcm
    assert blob["mimeType"] == f"audio/pcm;rate={rate}"


def test_text_with_half_a_character_is_refused() -> None:
    content = ClientContent(turns=[text_content("user", "\ud83d")])
    with pytest.raises(InvalidRequest):
        encode(ClientMessage(client_content=content))


@pytest.mark.parametrize("value", [object(), 1j, int])
def test_an_answer_that_is_no_json_is_refused_and_not_quoted(value: object) -> None:
    answer = FunctionResponse("c1", "f", {"output": value})
    with pytest.raises(InvalidRequest) as caught:
        encode(ClientMessage(tool_response=ToolResponse([answer])))
    assert caught.value.code == "value_malformed"


def test_an_answer_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    with pytest.raises(InvalidRequest):
        encode(ClientMessage(tool_response=ToolResponse([FunctionResponse("c1", "f", loop)])))


@pytest.mark.parametrize(
    ("text", "value"), [("", 0), ("50s", 50), ("9.500s", 9.5), ("0.160s", 0.16), ("-1s", -1)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["50", "s", "1e3s", "nans", "infs", " 1s", "1 s", "٣s", "1.s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        seconds(text)
