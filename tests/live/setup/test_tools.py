from collections.abc import Mapping
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import InvalidRequest
from live.messages import FunctionDeclaration, Tool
from live.setup.tools import AnyTool, check_tools, functions_of

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "us-central1")


def functions(*declared: dict[str, Any]) -> dict[str, Any]:
    return {"functionDeclarations": list(declared)}


@pytest.mark.parametrize(
    "tool",
    [
        functions({"name": ""}),
        functions({"name": "2nd"}),
        functions({"name": "with space"}),
        functions({"name": "x" * 129}),
        functions({"name": "f", "behavior": "MAYBE"}),
        functions({"name": "f", "parameters": {}, "parametersJsonSchema": {}}),
        functions({"name": "f", "response": {}, "responseJsonSchema": {}}),
        functions({"name": "f"}, {"name": "f"}),
        functions({"description": "no name"}),
        {"functionDeclarations": "f"},
        {"googleSearch": 1},
    ],
)
def test_what_is_no_tool_is_refused(tool: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_tools([tool], DEVELOPER)
    assert caught.value.code == "tool_malformed"


@pytest.mark.parametrize(
    ("endpoint", "tool"),
    [
        (DEVELOPER, Tool(retrieval={})),
        (DEVELOPER, {"enterprise_web_search": {}}),
        (VERTEX, Tool(file_search={"stores": []})),
        (VERTEX, {"mcpServers": [{}]}),
    ],
)
def test_a_tool_of_the_other_api_is_refused(
    endpoint: Endpoint, tool: Tool | Mapping[str, Any]
) -> None:
    other = VERTEX if endpoint is DEVELOPER else DEVELOPER
    check_tools([tool], other)
    with pytest.raises(InvalidRequest) as caught:
        check_tools([tool], endpoint)
    assert caught.value.code == "option_unsupported"


def test_a_tool_that_is_newer_than_we_are_is_let_through() -> None:
    newer = {"timeTravel": {}, "functionDeclarations": [{"name": "f", "mood": "GOOD"}]}
    check_tools([newer], DEVELOPER)
    assert [function.name for function in functions_of([newer])] == ["f"]


def test_functions_in_either_casing_and_typed() -> None:
    tools: list[AnyTool] = [
        {"function_declarations": [{"name": "a", "parameters_json_schema": {}}]},
        functions({"name": "b:c.d-e"}),
        Tool([FunctionDeclaration("_g", behavior="BLOCKING")]),
        {"codeExecution": {}},
    ]
    check_tools(tools, DEVELOPER)
    assert [function.name for function in functions_of(tools)] == ["a", "b:c.d-e", "_g"]
