"""What an application may rely on, whichever server carries it."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from google import genai
from google.genai import errors
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from tests.config.server.conftest import MEBIBYTE, Web
from tests.config.server.test_back_pressure import open_socket

CODES = (1000, 1001, 1007, 1008, 1009, 1011, 4401)
INVALID_KEY = "API key not valid. Please pass a valid API key."


async def closed(web: Web, path: str, scheme: str = "ws") -> Close:
    """Say something to `path` and return the close frame that comes back."""
    async with web.connect(path, scheme) as socket:
        await socket.send("setup")
        with pytest.raises(ConnectionClosed) as ended:
            await socket.recv()
    assert ended.value.rcvd is not None
    return ended.value.rcvd


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("code", CODES)
async def test_close_code_and_reason_reach_a_client(web: Web, scheme: str, code: int) -> None:
    reason = f"because {code}, señor"

    assert await closed(web, f"/close/{code}?reason={quote(reason)}", scheme) == Close(code, reason)


async def test_a_reason_too_long_is_cut_between_characters(web: Web) -> None:
    frame = await closed(web, f"/close/1008?reason={quote('ü' * 100)}")

    assert frame == Close(1008, "ü" * 61)  # 122 of at most 123 bytes


@pytest.mark.parametrize("code", CODES)
async def test_close_reaches_the_official_sdk(
    web: Web, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(web.certificates.authority))
    client = genai.Client(
        api_key="made-up", http_options={"base_url": f"{web.tls_url}/close/{code}"}
    )

    with pytest.raises(errors.APIError) as raised:
        async with client.aio.live.connect(model="gemini-3.8-live"):
            pytest.fail("the session was not refused")

    assert raised.value.code == code
    assert INVALID_KEY in str(raised.value)


async def test_repeated_slashes_reach_the_application(web: Web) -> None:
    async with web.connect("//echo/slashes") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_what_the_handshake_tells(web: Web) -> None:
    options: dict[str, Any] = {
        "subprotocols": ["one", "two"],
        # Who may say this is the application's business, not the server's.
        "additional_headers": {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "wss"},
    }
    for scheme in ("ws", "wss"):
        async with web.connect("/describe/it", scheme, **options) as socket:
            assert socket.subprotocol == "one"
            assert socket.response is not None
            assert socket.response.headers["x-one"] == "1"
            assert socket.response.headers["x-two"] == "2"
            assert await socket.recv() == ""
            told = json.loads(await socket.recv())
            assert told["path"] == "/describe/it"
            assert told["scheme"] == scheme
            assert told["subprotocols"] == ["one", "two"]
            assert told["client"] == list(socket.local_address)


async def test_compression_is_not_granted(web: Web) -> None:
    async with web.connect("/echo/plain", compression="deflate") as socket:
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_close_before_the_accept_is_a_403(web: Web, scheme: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with web.connect("/refuse/close", scheme):
            pytest.fail("the handshake was not refused")

    assert refused.value.response.status_code == 403


async def test_a_handshake_can_be_refused_with_an_http_response(web: Web) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with web.connect("/refuse/response"):
            pytest.fail("the handshake was not refused")

    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.response.body == b"later"


@pytest.mark.parametrize("path", ["/crash/1", "/leave/1"])
async def test_an_application_that_ends_early_closes_with_1011(web: Web, path: str) -> None:
    async with web.connect(path) as socket:
        with pytest.raises(ConnectionClosed) as ended:
            await socket.recv()

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1011


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_message_above_4_mib_is_closed_with_1009(web: Web, scheme: str) -> None:
    socket = await web.connect("/echo/big", scheme)
    await socket.send(bytes(4 * MEBIBYTE))
    assert len(await socket.recv()) == 4 * MEBIBYTE
    with pytest.raises(ConnectionClosed) as ended:  # noqa: PT012 - either may notice first
        await socket.send(bytes(5 * MEBIBYTE))
        await socket.recv()
    # Not `async with`: `close` may fail on a socket that ended while it had something to send.
    await socket.wait_closed()

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


async def test_fragments_add_up(web: Web) -> None:
    socket = await web.connect("/echo/fragments")
    await socket.send([bytes(MEBIBYTE)] * 4)
    assert len(await socket.recv()) == 4 * MEBIBYTE
    with pytest.raises(ConnectionClosed) as ended:  # noqa: PT012 - either may notice first
        await socket.send([bytes(MEBIBYTE)] * 5)
        await socket.recv()
    await socket.wait_closed()

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


async def test_the_application_hears_why_a_client_left(web: Web) -> None:
    async with web.connect("/echo/leaver") as socket:
        await socket.close(4001, "done here")

    report = await web.progress("leaver", lambda report: report["ended"])
    told = {"type": "websocket.disconnect", "code": 4001, "reason": "done here"}
    assert report["disconnect"] == told


def test_requests_of_one_connection_share_no_context(web: Web) -> None:
    """A request that came early is begun where the one before it ends: in its task."""
    requests = [f"GET /remember/{name} HTTP/1.1\r\nHost: test\r\n\r\n" for name in "abc"]
    with open_socket(web) as client:
        client.sendall("".join(requests).encode())
        answers = b""
        while answers.count(b"\r\n\r\n") < 3 or not answers.endswith(b"nothing"):
            answers += client.recv(4096)

    assert answers.count(b"nothing") == 3


async def test_query_strings_reach_no_log(web: Web) -> None:
    canary = "canary-4711"
    async with web.connect(f"/echo/logged?key={canary}&access_token={canary}") as socket:
        await socket.send("hello")
        await socket.recv()
    with pytest.raises(InvalidStatus):
        await web.connect(f"/refuse/close?key={canary}")
    await web.get(f"/path/logged?key={canary}")
    with pytest.raises(OSError, match="500"):
        await web.get(f"/fail/logged?key={canary}")

    await asyncio.to_thread(web.child.wait_for, r"no luck with /fail/logged")
    await asyncio.to_thread(web.child.wait_for, r"GET /path/logged\S* ")
    await asyncio.to_thread(web.child.wait_for, r"WebSocket /echo/logged")
    await asyncio.to_thread(web.child.wait_for, r"WebSocket /refuse/close")
    assert canary not in web.child.output
