from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.models import DEVELOPER_MODELS
from live.simulator.tools import MAX_NAME, Tools, read_tools

LIVE = DEVELOPER_MODELS["models/gemini-3.8-live"]
LEGACY = DEVELOPER_MODELS["models/gemini-3.1-flash-live-preview"]
EXTENDED = DEVELOPER_MODELS["models/gemini-3.8-live-extended-thinking"]
NATIVE = DEVELOPER_MODELS["models/gemini-2.5-flash-native-audio-latest"]


def declared(*names: str, **more: Any) -> Tools:
    return read_tools([{"function_declarations": [{"name": name, **more} for name in names]}], LIVE)


def names_in(tools: Tools, said: str) -> list[str]:
    return [mention.function.name for mention in tools.mentioned_in(said)]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Please call book_slot for Anna.", ["book_slot"]),
        ("Could you book slot number three?", ["book_slot"]),
        ("Book slot three? Do not call it again.", []),
        ("BOOK-SLOT!", ["book_slot"]),
        ("Run lookupVisa and book_slot, then lookup visa again.", ["lookupVisa", "book_slot"]),
        ("What is the weather?", ["weather"]),
        ("facebook_slot, book_slots, a weathered man", []),
        ("get time zone", ["get_time_zone"]),
        ("get_time", ["get_time"]),
        ("", []),
    ],
)
def test_a_function_is_found_by_its_name(said: str, names: list[str]) -> None:
    tools = declared("book_slot", "lookupVisa", "weather", "get_time", "get_time_zone")
    assert names_in(tools, said) == names


def test_each_has_the_words_up_to_the_next_one() -> None:
    first, second = declared("add", "weather").mentioned_in("Add 2 and 3, and the weather in Lyon.")
    assert (first.words, second.words) == (" 2 and 3, and the ", " in Lyon.")


def test_without_functions_nothing_is_found() -> None:
    assert names_in(read_tools([{"google_search": {}}, {"code_execution": {}}], LIVE), "x") == []


@pytest.mark.parametrize(
    ("model", "behavior", "blocking"),
    [
        (LIVE, "", False),
        (LIVE, "BLOCKING", True),
        (EXTENDED, "", False),
        (LEGACY, "", True),
        (NATIVE, "", True),
        (NATIVE, "NON_BLOCKING", False),
    ],
)
def test_what_a_call_waits_for_depends_on_the_model(
    model: Any, behavior: str, blocking: bool
) -> None:
    declaration = {"name": "f", "behavior": behavior}
    [function] = read_tools([{"function_declarations": [declaration]}], model).functions
    assert function.blocking is blocking


@pytest.mark.parametrize(
    ("model", "declarations"),
    [
        (LIVE, [{"name": ""}]),
        (LIVE, [{"name": "1st"}]),
        (LIVE, [{"name": "has space"}]),
        (LIVE, [{"name": "x" * (MAX_NAME + 1)}]),
        (LIVE, [{"name": "f"}, {"name": "f"}]),
        (LIVE, [{"name": "f", "parameters": {}, "parameters_json_schema": {}}]),
        (LIVE, [{"name": "f", "parameters_json_schema": []}]),
        (LEGACY, [{"name": "f", "behavior": "NON_BLOCKING"}]),
        (EXTENDED, [{"name": "f", "behavior": "BLOCKING"}]),
    ],
)
def test_bad_declarations_are_refused(model: Any, declarations: list[dict[str, Any]]) -> None:
    with pytest.raises(Refusal) as caught:
        read_tools([{"function_declarations": declarations}], model)
    assert (caught.value.code, caught.value.reason) == (
        1007,
        "Request contains an invalid argument.",
    )


def test_a_bad_schema_is_refused_with_its_function() -> None:
    for key, schema in (("parameters", {"type": "ARRAY"}), ("parameters", {"type": "x"})):
        with pytest.raises(Refusal):
            declared("f", **{key: schema})
    assert declared("f", parameters_json_schema={"type": ["string", "null"]}).functions


def test_the_built_in_tools_that_a_model_may_use() -> None:
    half_cascade = DEVELOPER_MODELS["models/gemini-live-2.5-flash-preview"]
    tools: list[dict[str, Any]] = [
        {"google_search": {}},
        {"code_execution": {}},
        {"url_context": {}},
        {"google_maps": {}},
    ]
    assert read_tools(tools, half_cascade) == Tools((), True, True, True)
    assert read_tools(tools, LIVE) == Tools((), searches=True)
    assert read_tools([], half_cascade) == Tools()
