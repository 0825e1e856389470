import json
from typing import Any

import pytest

from conversations.tools.schema import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    MOST_FAULTS,
    faults,
    gemini,
    read_schema,
    sample,
)
from live import FunctionDeclaration, Tool
from live.endpoint import Endpoint
from live.setup.tools import check_tools
from live.simulator.parameters import check_parameters

GOOD = {
    "type": "object",
    "description": "What to look for",
    "properties": {
        "size": {"type": "integer", "format": "int32", "minimum": 30, "maximum": 50.5},
        "city": {"type": "STRING", "enum": ["Lyon", "Paris"], "nullable": True},
        "when": {"type": "string", "format": "date-time", "maxLength": 40, "pattern": "^2"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "default": ["x"]},
        "price": {"anyOf": [{"type": "number", "format": "double"}, {"type": "boolean"}]},
        "where": {"type": "object", "properties": {"zip": {"type": "string", "example": "69"}}},
    },
    "required": ["size"],
    "propertyOrdering": ["size", "city"],
}

FORMAT = "Gemini does not take this format. Here it is date-time or enum. Say in the description "
FORMAT += "what it is."
ADDITIONAL = (
    "Gemini does not know this word. Leave it out: only the properties named are filled in."
)


def told(schema: Any) -> list[str]:
    return [str(fault) for fault in read_schema(json.dumps(schema, indent=1))[1]]


def of(**schema: Any) -> list[str]:
    """What is said of one property."""
    found = told({"type": "object", "properties": {"p": schema}})
    return [each.partition("properties.p")[2].lstrip(".") for each in found]


def test_what_gemini_takes_is_taken() -> None:
    assert read_schema(json.dumps(GOOD)) == (GOOD, [])
    assert read_schema(" \n") == ({}, [])
    assert told({}) == []
    written = gemini(GOOD)
    assert written is not None
    assert written["type"] == "OBJECT"
    assert written["properties"]["city"]["type"] == "STRING"
    assert written["properties"]["tags"]["items"] == {"type": "STRING"}
    assert written["properties"]["price"]["anyOf"][1] == {"type": "BOOLEAN"}
    assert written["properties"]["where"]["properties"]["zip"]["type"] == "STRING"
    check_parameters(written)  # the simulator reads the protocol by itself
    declared = FunctionDeclaration(name="f", parameters=written)
    check_tools([Tool(function_declarations=[declared])], Endpoint.developer())
    assert gemini({}) is None
    assert gemini({"type": "object", "properties": {}}) is None


def test_each_fault_names_its_line_and_what_to_do() -> None:
    text = """{
  "type": "object",
  "properties": {
    "date": {"type": "string", "format": "date"},
    "tags": {"type": "array"}
  },
  "required": ["date",
    "nope"],
  "additionalProperties": false
}"""
    said = [str(fault).partition(": ") for fault in read_schema(text)[1]]
    assert [(line, rest) for line, _, rest in said] == [
        ("Line 4", f"properties.date.format: {FORMAT}"),
        ("Line 5", "properties.tags: An array says what its items are."),
        ("Line 8", "required.1: There is no property “nope”."),
        ("Line 9", f"additionalProperties: {ADDITIONAL}"),
    ]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, [": It has no type."]),
        ({"type": ["string", "null"]}, ["type: One type."]),
        ({"type": "text"}, ["type: One of string,"]),
        ({"type": 7}, ["type: One of string,"]),
        ({"type": "boolean", "format": "x"}, ["format: Gemini does not take this format."]),
        ({"type": "integer", "enum": ["1"]}, ["enum: Only a string"]),
        ({"type": "string", "enum": []}, ["enum: A list of texts"]),
        ({"type": "string", "enum": [1]}, ["enum: A list of texts"]),
        ({"type": "string", "maxLength": -1}, ["maxLength: A whole number"]),
        ({"type": "string", "maxLength": True}, ["maxLength: A whole number"]),
        ({"type": "number", "minimum": "1"}, ["minimum: A number."]),
        ({"type": "string", "title": 1}, ["title: A text."]),
        ({"type": "string", "nullable": "yes"}, ["nullable: true or false."]),
        ({"type": "object", "properties": []}, ["properties: An object"]),
        ({"type": "object", "required": "a"}, ["required: A list of the names"]),
        ({"type": "object", "propertyOrdering": ["a"]}, ["propertyOrdering.0: There is no"]),
        ({"type": "array", "items": 1}, ["items: A schema is an object"]),
        ({"anyOf": []}, ["anyOf: A list of schemas."]),
        ({"anyOf": [{"type": "x"}]}, ["anyOf.0.type: One of"]),
        ({"$ref": "#/a"}, [": It has no type.", "$ref: Gemini does not know this word. Write out"]),
        ({"const": 1, "type": "string"}, ["const: Gemini does not know this word. Use enum"]),
        ({"x-mine": 1, "type": "string"}, ["x-mine: Gemini does not know this word."]),
    ],
)
def test_what_gemini_refuses(schema: dict[str, Any], said: list[str]) -> None:
    found = of(**schema)
    assert len(found) == len(said)
    assert all(any(each.startswith(begin) for each in found) for begin in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Line 1: This is no JSON"),
        ('{\n"a": }', "Line 2: This is no JSON"),
        ("[]", "Line 1: The schema is an object"),
        ('{"type": NaN}', "NaN"),
        ('{"type": "\\ud800"}', "half a character"),
        ('{"type": "\\u0000"}', "a character that is none"),
        ("[" * 30_000, "levels"),
        (" " + "x" * MOST_CHARACTERS, "characters"),
        ('{"type": "string"}', "Parameters are an object"),
    ],
)
def test_what_is_no_schema(text: str, said: str) -> None:
    assert said in str(read_schema(text)[1][0])


def test_faults_and_depth_have_an_end() -> None:
    many: dict[str, Any] = {f"p{number}": {} for number in range(100)}
    assert len(told({"type": "object", "properties": many})) == MOST_FAULTS
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(3 * MOST_DEPTH):
        deep = {"type": "object", "properties": {"p": deep}}
    assert "levels" in str(next(faults(deep)))


def test_a_sample_to_begin_with() -> None:
    assert sample(GOOD) == {
        "size": 0,
        "city": "Lyon",
        "when": "",
        "tags": ["x"],
        "price": None,
        "where": {"zip": "69"},
    }
    assert sample({"type": "array", "items": {"type": "boolean"}}) == [False]
    assert sample({"type": "object"}) == {}
