import asyncio

import pytest

from conversations.states import CallState
from conversations.tools.egress import Unreachable
from conversations.tools.mcp.client import McpClient
from conversations.tools.mcp.server_tool import ServerTool, outcome_of
from conversations.tools.outcomes import Call, CallFailed
from tests.conversations.tools.mcp.peer import Peer
from tests.conversations.tools.shop import egress

CALL = Call("1.fc_7", "sums_add", {"a": 2, "b": 3}, conversation="c1")


def tool(url: str, name: str = "add") -> ServerTool:
    return ServerTool(McpClient(egress(), url, {}), "sums", name, timeout_s=0.7)


async def test_a_call_goes_by_the_server_s_own_name(peer: Peer) -> None:
    outcome = await tool(peer.url).run(CALL)
    assert (outcome.response, outcome.state) == ({"sum": 5}, CallState.SUCCEEDED)
    assert outcome.summary.startswith("sums: answered in 0.")
    _, headers, message = peer.asked[-1]
    assert message["params"] == {"name": "add", "arguments": {"a": 2, "b": 3}}
    assert headers["Idempotency-Key"] == "c1~1~fc_7"


async def test_an_error_of_the_tool_is_told_to_the_model(peer: Peer) -> None:
    with pytest.raises(CallFailed) as caught:
        await tool(peer.url, "fail").run(CALL)
    assert caught.value.outcome().response["error"]["answer"] == "no luck"
    assert "no luck" not in caught.value.summary


async def test_what_was_sent_is_not_sent_again(peer: Peer) -> None:
    peer.raw = b""
    with pytest.raises(CallFailed):
        await tool(peer.url).run(CALL)
    assert peer.methods().count("tools/call") == 1


async def test_what_was_not_sent_is_tried_again_while_there_is_time() -> None:
    with pytest.raises(Unreachable):
        async with asyncio.timeout(20):
            await tool("http://127.0.0.1:1/mcp").run(CALL)


def test_parts_that_are_no_text() -> None:
    result = {
        "content": [
            {"type": "text", "text": "see"},
            {"type": "image", "data": "…"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
            {"type": "resource_link", "uri": "https://a.example/b"},
            "nonsense",
        ]
    }
    said = outcome_of(result, "sums", 0.1).response["result"]
    assert said.splitlines() == [
        "see",
        "(image, which is not passed on)",
        "inside",
        "(resource_link: https://a.example/b)",
    ]
    assert outcome_of({}, "sums", 0.1).response == {"result": ""}
