from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.parameters import MAX_DEPTH, check_parameters

SLOT = {"type": "STRING", "enum": ["a", "b"]}


def refused(schema: Any) -> bool:
    try:
        check_parameters(schema)
    except Refusal:
        return True
    return False


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(levels):
        schema = {"type": "ARRAY", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"slot": SLOT}, "required": ["slot"]},
        {"type": "OBJECT", "properties": {"many": {"type": "ARRAY", "items": SLOT}}},
        {"anyOf": [SLOT, {"type": "NULL"}]},
        {"properties": None, "required": None},
        deep(MAX_DEPTH),
    ],
)
def test_what_google_takes(schema: Any) -> None:
    assert not refused(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": ["string", "null"]},
        {"type": "ARRAY"},
        {"properties": []},
        {"properties": {"a": 5}},
        {"properties": {"a": {"type": "ARRAY"}}},
        {"properties": {"a": SLOT}, "required": ["b"]},
        {"required": ["a"]},
        {"required": "a"},
        {"required": [[]]},
        {"anyOf": [{"type": "one"}]},
        {"anyOf": 5},
        {"items": "x", "type": "ARRAY"},
        deep(MAX_DEPTH + 1),
    ],
)
def test_what_it_refuses(schema: Any) -> None:
    with pytest.raises(Refusal) as caught:
        check_parameters(schema)
    assert (caught.value.code, caught.value.reason) == (
        1007,
        "Request contains an invalid argument.",
    )
