import asyncio
import logging
import threading
from dataclasses import replace

import pytest

from accounts.tenancy import platform_scope
from conversations.models import Agent
from conversations.states import CallState, ToolKind
from conversations.tools.http_tool import HttpTool
from conversations.tools.outcomes import Call, Outcome
from conversations.tools.tool import Tool
from conversations.tools.toolbox import Toolbox, toolbox_of
from live import FunctionDeclaration
from live.endpoint import Endpoint
from live.setup.tools import check_tools
from tests.conversations.tools.rows import make_tool
from tests.conversations.tools.shop import Reply, Shop, egress

CALL = Call("1.fc_7", "stock", {"size": 42})


def http(shop: Shop, timeout_s: float = 5.0) -> Tool:
    runner = HttpTool("POST", shop.url, timeout_s, egress())
    return Tool(FunctionDeclaration(name="stock"), ToolKind.HTTP, timeout_s, "SILENT", runner)


class Broken:
    async def run(self, call: Call) -> Outcome:
        raise ValueError("Bearer sesame")


async def test_what_a_toolbox_knows_of_its_tools(shop: Shop) -> None:
    show = Tool(FunctionDeclaration(name="show_map", behavior="BLOCKING"), ToolKind.CLIENT, 30)
    box = Toolbox([http(shop), show])
    check_tools(box.declarations, Endpoint.developer())
    assert box.names == ("stock", "show_map")
    assert (box.kind("stock"), box.kind("show_map")) == (ToolKind.HTTP, ToolKind.CLIENT)
    assert box.kind("nope") is None
    assert (box.timeout_s("show_map"), box.behavior("show_map")) == (30, "BLOCKING")
    assert (box.scheduling("stock"), box.scheduling("show_map")) == ("SILENT", "")
    assert Toolbox().declarations == ()
    outcome = await box.run(CALL)
    assert (outcome.state, outcome.response) == (CallState.SUCCEEDED, {"ok": True})
    for name, code in (("nope", "unknown_tool"), ("show_map", "not_here")):
        outcome = await box.run(replace(CALL, name=name))
        assert outcome.state == CallState.FAILED
        assert outcome.response["error"]["code"] == code


async def test_a_call_ends_with_its_time_out(shop: Shop) -> None:
    hold = threading.Event()
    shop.replies = [Reply(hold=hold)]
    outcome = await Toolbox([http(shop, timeout_s=0.2)]).run(CALL)
    assert outcome.state == CallState.TIMED_OUT
    assert outcome.response["error"]["code"] == "timed_out"
    hold.set()


async def test_a_call_that_is_cancelled_ends(shop: Shop) -> None:
    hold = threading.Event()
    shop.replies = [Reply(hold=hold)]
    task = asyncio.create_task(Toolbox([http(shop)]).run(CALL))
    await asyncio.to_thread(shop.arrived.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.set()


async def test_whatever_breaks_the_model_is_told_and_nothing_leaks(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.replies = [Reply(500, b"purple submarine")]
    box = Toolbox([http(shop), replace(http(shop), runner=Broken(), declaration=BROKEN)])
    with caplog.at_level(logging.DEBUG):
        refused = await box.run(CALL)
        broken = await box.run(replace(CALL, name="broken"))
    assert refused.response["error"]["code"] == "http_500"
    assert broken.response["error"]["code"] == "internal_error"
    assert "ValueError" in caplog.text
    assert "sesame" not in caplog.text + broken.summary + str(broken.response)
    assert "submarine" not in caplog.text + refused.summary


BROKEN = FunctionDeclaration(name="broken")


@pytest.mark.django_db
def test_an_agent_s_toolbox(agent: Agent, keyset_file: object) -> None:
    make_tool(agent, url="https://a.example/")
    with platform_scope("test"):
        assert toolbox_of(agent).names == ("stock",)
