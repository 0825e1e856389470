from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.simulator.arguments import arguments


def object_of(required: list[str] | None = None, **properties: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "OBJECT", "properties": properties}
    return schema if required is None else {**schema, "required": required}


TEXT = {"type": "STRING"}
WHOLE = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "said", "expected"),
    [
        (object_of(slot=TEXT), " for tomorrow at three, please.", {"slot": "tomorrow at three"}),
        (object_of(a=WHOLE, b=WHOLE), " 2 and forty-three.", {"a": 2, "b": 43}),
        (object_of(a=TEXT, b=TEXT), " to Anna, about shoes.", {"a": "Anna", "b": "about shoes"}),
        (object_of(a=TEXT, b=TEXT), ' "the red door" now', {"a": "the red door", "b": "now"}),
        (
            object_of(city=TEXT, day=TEXT),
            " day is Monday, city=Lyon",
            {"city": "Lyon", "day": "Monday"},
        ),
        (object_of(unit={"enum": ["c", "f"]}), " in F.", {"unit": "f"}),
        (object_of(unit={"enum": ["CELSIUS", "KELVIN"]}), " in Paris", {"unit": "CELSIUS"}),
        (object_of(kind={"enum": ["city_shoe"]}), " a city shoe", {"kind": "city_shoe"}),
        (object_of(on={"type": "BOOLEAN"}), " the lights", {"on": True}),
        (object_of(on={"type": "BOOLEAN"}), " off", {"on": False}),
        (object_of(n={"type": "NUMBER", "minimum": 5, "maximum": 9}), " 70", {"n": 9.0}),
        (object_of(n={"type": "NUMBER", "minimum": 5}), "", {"n": 5.0}),
        (object_of(l={"type": "ARRAY", "items": TEXT}), " Ann and Bob", {"l": ["Ann"]}),
        (object_of(l={"type": "array"}), " Ann", {"l": []}),
        (object_of(o=object_of(n=WHOLE)), " 7", {"o": {"n": 7}}),
        (object_of(t={"type": ["string", "null"]}), " in Lyon", {"t": "Lyon"}),
        (object_of(["a"], a=TEXT, b=WHOLE), " x", {"a": "x"}),
        (
            object_of(["a"], a=TEXT, count=WHOLE),
            " x with count 4",
            {"a": "x with count 4", "count": 4},
        ),
        (object_of([], unit={"enum": ["c", "f"]}), " in f", {"unit": "f"}),
        ({}, " whatever", {}),
        ({"properties": []}, "", {}),
    ],
)
def test_arguments_come_from_the_schema_and_the_words(
    schema: dict[str, Any], said: str, expected: dict[str, Any]
) -> None:
    assert arguments(schema, said) == expected


def test_a_schema_without_an_end_is_cut() -> None:
    endless = object_of(a=TEXT)
    endless["properties"]["more"] = endless
    depth, found = 0, arguments(endless, "x")
    while found:
        depth, found = depth + 1, found.get("more", {})
    assert 1 < depth < 10


@given(st.text(max_size=80))
def test_any_words_fill_what_is_required(said: str) -> None:
    schema = object_of(text=TEXT, number=WHOLE, flag={"type": "BOOLEAN"})
    found = arguments(schema, said)
    assert list(found) == ["text", "number", "flag"]
    assert found == arguments(schema, said)
