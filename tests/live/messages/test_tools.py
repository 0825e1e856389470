import json

import msgspec

from live.messages import DEVELOPER_TOOLS, VERTEX_TOOLS, FunctionDeclaration, Tool
from tests.live.samples import sample


def test_typed_tools_come_out_as_recorded() -> None:
    slot = {"type": "OBJECT", "properties": {"slot": {"type": "STRING"}}, "required": ["slot"]}
    book = FunctionDeclaration(
        "book_slot", "Books a slot", parameters=slot, behavior="NON_BLOCKING"
    )
    tools = [Tool(google_search={}), Tool(function_declarations=[book])]
    assert json.loads(msgspec.json.encode(tools)) == sample("setup.full")["setup"]["tools"]


def test_the_tools_of_one_api_are_fields_of_a_tool() -> None:
    fields = {field.name for field in msgspec.structs.fields(Tool)}
    assert fields > DEVELOPER_TOOLS | VERTEX_TOOLS
    assert not DEVELOPER_TOOLS & VERTEX_TOOLS
