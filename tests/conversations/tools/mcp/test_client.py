import asyncio

import pytest

from conversations.tools.answers import Unreadable
from conversations.tools.egress import Unreachable
from conversations.tools.exchange import Broken, TooLarge
from conversations.tools.mcp.client import MOST_BYTES, MOST_PAGES, McpClient
from conversations.tools.outcomes import CallFailed
from tests.conversations.tools.mcp.peer import ADD, Peer
from tests.conversations.tools.shop import egress


def client(peer: Peer) -> McpClient:
    return McpClient(egress(), peer.url, {"Authorization": "Bearer sesame"})


async def refusal(peer: Peer, name: str = "add") -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await client(peer).call_tool(name, {"a": 1, "b": 2}, "k")
    return caught.value


@pytest.mark.parametrize("streams", [False, True])
async def test_a_session_is_opened_once_and_used(peer: Peer, streams: bool) -> None:
    peer.streams = streams
    asking = client(peer)
    assert await asking.list_tools() == [ADD]
    results = await asyncio.gather(
        *(asking.call_tool("add", {"a": 2, "b": n}, "k") for n in (3, 4))
    )
    assert [result["structuredContent"]["sum"] for result in results] == [5, 6]
    opening = ["initialize", "notifications/initialized"]
    assert peer.methods() == [*opening, "tools/list", "tools/call", "tools/call"]
    _, first, message = peer.asked[0]
    assert message["params"]["capabilities"] == {}
    assert first["Mcp-Session-Id"] is None
    for _, headers, _ in peer.asked[1:]:
        assert headers["Mcp-Session-Id"] == "s1"
        assert headers["MCP-Protocol-Version"] == "2025-06-18"
        assert headers["Authorization"] == "Bearer sesame"
    assert peer.asked[-1][1]["Idempotency-Key"] == "k"
    assert len({message["id"] for _, _, message in peer.asked if "id" in message}) == 4


async def test_a_list_of_many_pages_and_one_without_an_end(peer: Peer) -> None:
    peer.tools = [{**ADD, "name": f"t{n}"} for n in range(5)]
    peer.page = 2
    assert len(await client(peer).list_tools()) == 5
    peer.tools, peer.page = [ADD] * 1000, 1
    assert len(await client(peer).list_tools()) == MOST_PAGES


async def test_a_session_that_is_gone_is_opened_again_and_the_call_made_once(peer: Peer) -> None:
    asking = client(peer)
    await asking.list_tools()
    peer.sessions.clear()
    peer.sessions.add("another")
    result = await asking.call_tool("add", {"a": 1, "b": 1}, "k")
    assert result["structuredContent"] == {"sum": 2}
    assert peer.methods().count("initialize") == 2


async def test_a_server_that_forgets_every_session(peer: Peer) -> None:
    asking = client(peer)
    await asking.list_tools()
    peer.sessions = _Forgetful()
    with pytest.raises(CallFailed) as caught:
        await asking.call_tool("add", {}, "k")
    assert "forgets" in caught.value.summary


class _Forgetful(set[str]):
    def __contains__(self, _: object) -> bool:
        return False


async def test_a_call_that_nobody_waits_for_is_taken_back(peer: Peer) -> None:
    peer.gate.clear()
    task = asyncio.create_task(client(peer).call_tool("add", {"a": 1, "b": 2}, "k"))
    await asyncio.to_thread(peer.called.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(peer.told.wait, 10)
    _, _, message = peer.asked[-1]
    assert message["params"]["requestId"] == peer.asked[-2][2]["id"]


async def test_what_a_server_refuses(peer: Peer) -> None:
    failure = await refusal(peer, "nope")
    assert (failure.code, failure.body) == ("mcp_error", "Unknown tool: nope")
    assert "-32602" in failure.summary
    peer.refuse = 401
    failure = await refusal(peer)
    assert failure.code == "http_401"
    assert failure.summary == "127.0.0.1 answered with 401."


async def test_a_version_that_is_not_known(peer: Peer) -> None:
    peer.version = "1999-01-01"
    assert "version" in (await refusal(peer)).summary


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"{", Unreadable),
        (b"[]", Broken),
        (b'{"jsonrpc": "2.0", "id": 99, "result": {}}', Broken),
        (b'{"jsonrpc": "2.0", "id": 2, "result": 7}', CallFailed),
        (b'"' + b"x" * MOST_BYTES + b'"', TooLarge),
    ],
)
async def test_what_makes_no_sense(peer: Peer, raw: bytes, kind: type[CallFailed]) -> None:
    peer.raw = raw
    for streams in (False, True):
        peer.streams = streams
        assert isinstance(await refusal(peer), kind)


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Unreachable):
        await McpClient(egress(), "http://127.0.0.1:1/mcp", {}).list_tools()
