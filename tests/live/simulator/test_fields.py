import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.simulator.closes import Refusal
from live.simulator.fields import Message, base64_bytes, decode_base64, enum, integer, many
from live.simulator.fields import read_message as read
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE


def refused(message: Any, reader: Message = DEVELOPER_MESSAGE) -> tuple[int, str]:
    frame = message if isinstance(message, str | bytes) else json.dumps(message)
    with pytest.raises(Refusal) as caught:
        read(frame, reader)
    return caught.value.code, caught.value.reason


@given(st.binary(max_size=200))
def test_both_base64_alphabets_padded_or_not(data: bytes) -> None:
    standard, urlsafe = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    for text in (standard, urlsafe, standard.rstrip("="), urlsafe.rstrip("=")):
        assert decode_base64(text) == data


@pytest.mark.parametrize("text", ["a b", "AA$A", "é", "A"])
def test_no_other_character_is_base64(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        base64_bytes(text, "realtime_input.audio.data")
    assert caught.value.reason == "Invalid value at 'realtime_input.audio.data' (TYPE_BYTES)"


def test_both_casings_are_the_same_field() -> None:
    camel = {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "AAA="}}}
    snake = {"realtime_input": {"audio": {"mime_type": "audio/pcm", "data": "AAA="}}}
    expected = ("realtime_input", {"audio": {"mime_type": "audio/pcm", "data": b"\0\0"}})
    assert read(json.dumps(camel), DEVELOPER_MESSAGE) == expected
    assert read(json.dumps(snake).encode(), DEVELOPER_MESSAGE) == expected


def test_a_field_in_both_casings_at_once_is_refused() -> None:
    code, reason = refused({"clientContent": {"turnComplete": True, "turn_complete": True}})
    assert code == 1007
    assert "repeated" in reason


@pytest.mark.parametrize(
    ("message", "name", "at"),
    [
        ({"hello": 1}, "hello", ""),
        ({"setup": {"model": "m", "temprature": 1}}, "temprature", " at 'setup'"),
        (
            {"setup": {"generationConfig": {"speechConfig": {"pitch": 1}}}},
            "pitch",
            " at 'setup.generation_config.speech_config'",
        ),
        ({"setup": {"tools": [{}, {"hammer": {}}]}}, "hammer", " at 'setup.tools[1]'"),
        (
            {"realtimeInput": {"activityStart": {"x": 1}}},
            "x",
            " at 'realtime_input.activity_start'",
        ),
        (
            {"setup": {"sessionResumption": {"transparent": True}}},
            "transparent",
            " at 'setup.session_resumption'",
        ),
    ],
)
def test_unknown_names_are_refused_in_googles_words(message: Any, name: str, at: str) -> None:
    text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
    assert refused(message) == (1007, text[:123])


def test_what_only_vertex_knows() -> None:
    vertex = {"setup": {"explicitVadSignal": True, "sessionResumption": {"transparent": True}}}
    _name, fields = read(json.dumps(vertex), VERTEX_MESSAGE)
    assert fields == {"explicit_vad_signal": True, "session_resumption": {"transparent": True}}
    assert refused(vertex)[0] == 1007


@pytest.mark.parametrize(
    "frame", ["", "{", b"\xff\xfe{}", "[]", "3", '"setup"', "{}", '{"setup": null}', "[" * 5000]
)
def test_what_is_no_message_is_refused(frame: str | bytes) -> None:
    code, reason = refused(frame)
    assert code == 1007
    assert "Invalid JSON payload" in reason or "invalid argument" in reason


def test_one_message_holds_one_thing() -> None:
    code, reason = refused({"setup": {}, "clientContent": {}})
    assert code == 1007
    assert "'message_type' is already set" in reason


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (3.0, 3), ("25600", 25600), ("-1", -1), (40.0, 40)]
)
def test_whole_numbers_come_in_three_forms(value: Any, expected: int) -> None:
    assert integer(value, "x") == expected


@pytest.mark.parametrize("value", [True, 1.5, "1.5", "x", None, [], float("inf")])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(Refusal):
        integer(value, "x")


def test_enums_are_names_or_numbers() -> None:
    reader = enum("LOW", "HIGH")
    assert [reader(value, "x") for value in ("LOW", 2, 0)] == ["LOW", "HIGH", ""]
    with pytest.raises(Refusal):
        reader("low", "x")


def test_null_is_absent_and_a_single_value_is_no_list() -> None:
    assert Message({"n": integer})({"n": None}, "x") == {}
    with pytest.raises(Refusal):
        many(integer)(3, "x")


def test_a_wrong_type_is_named_without_its_value() -> None:
    code, reason = refused({"setup": {"model": {"spoken": "words"}}})
    assert (code, reason) == (1007, "Invalid value at 'setup.model' (TYPE_STRING)")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["setup", "model", "clientContent", "turns", "parts", "text", "tools"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    read_one = partial(read, json.dumps(value), DEVELOPER_MESSAGE)
    name, fields = _or_none(read_one)
    assert name is None or name in DEVELOPER_MESSAGE.fields
    assert fields is None or isinstance(fields, dict)


def _or_none(reading: Callable[[], tuple[str, Any]]) -> tuple[str | None, Any]:
    try:
        return reading()
    except Refusal:
        return None, None
