from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.tools.mcp.listing import (
    MOST_TOOLS,
    function_names,
    kept_listing,
    read_listing,
)
from live import FunctionDeclaration, Tool
from live.endpoint import Endpoint
from live.setup.tools import check_tools
from tests.conversations.tools.mcp.peer import ADD


def test_a_tool_is_kept_without_what_says_nothing_of_it() -> None:
    [tool] = read_listing([ADD])
    assert "$schema" not in tool.schema
    assert tool.schema["required"] == ["a", "b"]
    assert kept_listing([tool.to_json()], only=[]) == [tool]
    assert kept_listing([tool.to_json()], only=["add"]) == [tool]
    assert kept_listing([tool.to_json()], only=["sub"]) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": 7},
        {"name": "x" * 129},
        {"description": 7},
        {"inputSchema": None},
        {"description": "\x00"},
        {"description": "\ud800"},
        {"inputSchema": {"type": "object", "description": "x" * 20_000}},
    ],
)
def test_what_cannot_be_kept_is_left_out(changed: dict[str, Any]) -> None:
    assert [tool.name for tool in read_listing([{**ADD, **changed}, ADD])] == ["add"]


def test_there_are_not_too_many_and_each_once() -> None:
    many = [{**ADD, "name": f"t{number // 2}"} for number in range(400)]
    assert [tool.name for tool in read_listing(many)] == [f"t{n}" for n in range(MOST_TOOLS)]


def test_names_that_collide_get_their_server_before_them() -> None:
    listed = [("crm", "find"), ("erp", "find"), ("erp", "add user"), ("crm", "own"), ("crm", "9")]
    assert function_names({"own", "crm_own"}, listed) == {
        ("crm", "find"): "crm_find",
        ("erp", "find"): "erp_find",
        ("erp", "add user"): "add_user",
        ("crm", "own"): "crm_own_2",
        ("crm", "9"): "_9",
    }


@given(
    st.sets(st.sampled_from(["a", "b", "s_a", "t_a", "s_a_2"])),
    st.lists(
        st.tuples(st.sampled_from("st"), st.one_of(st.sampled_from("ab"), st.text(min_size=1))),
        unique=True,
        max_size=12,
    ),
)
def test_no_two_functions_have_one_name(own: set[str], listed: list[tuple[str, str]]) -> None:
    names = function_names(own, listed)
    assert len({*own, *names.values()}) == len(own) + len(listed)
    functions = [FunctionDeclaration(name=name) for name in names.values()]
    check_tools([Tool(function_declarations=functions)], Endpoint.developer())
