from conversations.states import ToolKind
from conversations.tools.tool import Tool
from live import FunctionDeclaration


def test_a_client_side_tool_has_nobody_here_who_calls_it() -> None:
    tool = Tool(FunctionDeclaration(name="show_map"), ToolKind.CLIENT, timeout_s=10)
    assert tool.runner is None
    assert tool.scheduling == ""
