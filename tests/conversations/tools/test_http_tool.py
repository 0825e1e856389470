import asyncio
import base64
import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conversations.states import CallState
from conversations.tools.http_tool import MOST_BYTES, HttpTool
from conversations.tools.outcomes import Call, CallFailed, Outcome
from conversations.tools.signing import new_secret
from tests.conversations.tools.shop import Reply, Shop, egress

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = Call("1.fc_7", "stock", {"size": 42, "city": "Lyon", "sale": True}, conversation="c1")
LATER = {"Content-Type": "application/json", "Retry-After": "0"}


def tool(shop: Shop, method: str = "POST", **fields: object) -> HttpTool:
    made = HttpTool(method, shop.url, 5.0, egress(), clock=lambda: NOON)
    return replace(made, **fields)  # type: ignore[arg-type]


async def refusal(made: HttpTool, call: Call = CALL) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await made.run(call)
    return caught.value


async def run(made: HttpTool) -> Outcome:
    return await made.run(CALL)


async def test_a_call_is_one_signed_request(shop: Shop) -> None:
    keys = (new_secret(), new_secret())
    made = tool(shop, headers={"Authorization": "Bearer sesame"}, secrets=keys)
    outcome = await run(made)
    assert (outcome.response, outcome.state) == ({"ok": True}, CallState.SUCCEEDED)
    assert outcome.summary.startswith("POST 127.0.0.1: 200 in 0.")
    [asked] = shop.asked
    assert json.loads(asked.body) == CALL.args
    assert asked.headers["Authorization"] == "Bearer sesame"
    assert asked.headers["Idempotency-Key"] == asked.headers["webhook-id"] == "c1~1~fc_7"
    assert asked.headers["Parley-Tool"] == "stock"
    assert asked.headers["Parley-Conversation"] == "c1"
    assert asked.headers["webhook-timestamp"] == "1795435200"
    # As the guide says it, with nothing of ours.
    signed = b"c1~1~fc_7.1795435200." + asked.body
    expected = [
        hmac.new(base64.b64decode(key.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        for key in keys
    ]
    found = asked.headers["webhook-signature"].split(" ")
    assert found == ["v1," + base64.b64encode(each).decode() for each in expected]
    assert "sesame" not in repr(made)
    assert keys[0] not in repr(made)


async def test_a_get_has_its_arguments_in_the_query_and_signs_them(shop: Shop) -> None:
    key = new_secret()
    args = {"q": "a b&c", "tags": ["x", "y"], "sale": True, "where": {"city": "Lyon"}}
    await tool(shop, "GET", url=shop.url + "?v=2", secrets=(key,)).run(Call("1", "stock", args))
    [asked] = shop.asked
    query = asked.path.partition("?")[2]
    assert query == "v=2&q=a+b%26c&tags=x&tags=y&sale=true&where=%7B%22city%22%3A%22Lyon%22%7D"
    assert asked.body == b""
    digest = hmac.new(
        base64.b64decode(key.removeprefix("whsec_")),
        b"1.1795435200." + query.encode(),
        hashlib.sha256,
    ).digest()
    assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize("first", [Reply(503), Reply(429, headers=LATER), Reply(drop=True)])
async def test_what_passes_is_asked_again_with_the_same_key(shop: Shop, first: Reply) -> None:
    shop.replies = [first, Reply()]
    assert (await run(tool(shop))).state == CallState.SUCCEEDED
    one, two = shop.asked
    assert one.headers["Idempotency-Key"] == two.headers["Idempotency-Key"]
    assert one.body == two.body


async def test_what_does_not_pass_is_asked_three_times(shop: Shop) -> None:
    shop.replies = [Reply(502, headers=LATER)]
    assert (await refusal(tool(shop))).code == "http_502"
    assert len(shop.asked) == 3
    shop.asked.clear()
    shop.replies = [Reply(503, headers={**LATER, "Retry-After": "3600"})]
    assert (await refusal(tool(shop))).code == "http_503"
    assert len(shop.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 501])
async def test_other_errors_are_final_and_the_model_reads_why(shop: Shop, status: int) -> None:
    shop.replies = [Reply(status, b'{"why": "no such size"}')]
    failure = await refusal(tool(shop))
    assert failure.code == f"http_{status}"
    assert failure.body == '{"why": "no such size"}'
    assert "no such size" not in failure.summary
    assert len(shop.asked) == 1


async def test_redirects_are_not_followed(shop: Shop) -> None:
    shop.replies = [Reply(302, b"", {"Location": shop.url})]
    failure = await refusal(tool(shop))
    assert failure.code == "redirected"
    assert "not followed" in failure.summary
    assert len(shop.asked) == 1


async def test_an_answer_that_is_too_large(shop: Shop) -> None:
    shop.replies = [Reply(body=b'"' + b"x" * MOST_BYTES + b'"')]
    failure = await refusal(tool(shop))
    assert failure.code == "answer_too_large"
    assert "64 KiB" in failure.summary


async def test_a_call_that_is_cancelled_closes_its_connection(shop: Shop) -> None:
    hold = threading.Event()
    shop.replies = [Reply(hold=hold)]
    task = asyncio.create_task(run(tool(shop)))
    await asyncio.to_thread(shop.arrived.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.set()
    assert len(shop.asked) == 1


async def test_a_server_that_is_not_there(shop: Shop) -> None:
    gone = tool(shop, url="http://127.0.0.1:1/", timeout_s=0.6)
    assert (await refusal(gone)).code == "unreachable"


async def test_half_a_character_does_not_stop_a_call(shop: Shop) -> None:
    for method in ("GET", "POST"):
        await tool(shop, method).run(Call("1", "stock", {"q": "\ud800"}))
    assert shop.asked[1].body == b'{"q":"?"}'
