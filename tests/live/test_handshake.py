import asyncio
import http
import logging
import ssl
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from live.auth import EphemeralTokenAuth
from live.endpoint import Endpoint
from live.errors import (
    CredentialError,
    InvalidRequest,
    LiveError,
    NetworkError,
    ProviderError,
    QuotaError,
)
from live.handshake import Connector, DirectConnect, open_socket
from tests.live.peer import Peer, Refuse, serving

KEY = "AIza-made-up"
HEADERS = {"x-goog-api-key": KEY}


async def dial(
    endpoint: Endpoint,
    *,
    headers: Mapping[str, str] = HEADERS,
    tls: ssl.SSLContext | None = None,
    connector: Connector = DirectConnect,
    open_timeout: float = 5.0,
) -> ClientConnection:
    return await open_socket(
        endpoint, headers, ssl=tls, connector=connector, open_timeout=open_timeout
    )


async def until_closed(_: Peer, socket: ServerConnection) -> None:
    await socket.wait_closed()


def refusing(status: int, body: str = "", **headers: str) -> Refuse:
    def refuse(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(http.HTTPStatus(status), body)
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return refuse


async def test_the_credential_is_in_a_header_and_nothing_is_compressed() -> None:
    async with serving(until_closed) as peer:
        socket = await dial(peer.endpoint)
        (request,) = peer.requests
        assert request.path == (
            "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        )
        assert request.headers["x-goog-api-key"] == KEY
        assert "Sec-WebSocket-Extensions" not in request.headers
        await socket.close()


async def test_an_ephemeral_token_may_be_in_the_address_and_shows_nowhere_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    auth = EphemeralTokenAuth("auth_tokens/made-up", in_query=True)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("websockets.server").setLevel(logging.INFO)
        async with serving(until_closed, refuse=refusing(403)) as peer:
            with pytest.raises(CredentialError) as caught:
                await open_socket(
                    auth.endpoint_for(peer.endpoint),
                    await auth.headers(),
                    query=auth.query(),
                    ssl=None,
                    connector=DirectConnect,
                    open_timeout=5.0,
                )
    (request,) = peer.requests
    assert request.path == (
        "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
        "?access_token=auth_tokens/made-up"
    )
    assert "Authorization" not in request.headers
    assert "made-up" not in "".join(traceback.format_exception(caught.value))
    assert "made-up" not in "".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "", CredentialError),
        (403, "SERVICE_DISABLED", CredentialError),
        (404, "", InvalidRequest),
        (429, "", QuotaError),
        (503, "", ProviderError),
    ],
)
async def test_a_refusal_is_typed(status: int, body: str, kind: type[LiveError]) -> None:
    async with serving(until_closed, refuse=refusing(status, body)) as peer:
        with pytest.raises(kind) as caught:
            await dial(peer.endpoint)
    assert caught.value.status == status
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("soon", 60.0), ("", 60.0)])
async def test_the_service_says_when_to_come_back(header: str, seconds: float) -> None:
    refuse = refusing(429, "", Retry_After=header)
    async with serving(until_closed, refuse=refuse) as peer:
        with pytest.raises(QuotaError) as caught:
            await dial(peer.endpoint)
    assert caught.value.retry_after == seconds


async def test_a_redirect_does_not_carry_the_key_elsewhere() -> None:
    async with serving(until_closed) as elsewhere:
        location = elsewhere.url.replace("http", "ws", 1)
        async with serving(until_closed, refuse=refusing(302, "", Location=location)) as peer:
            with pytest.raises(InvalidRequest) as caught:
                await dial(peer.endpoint)
        assert caught.value.code == "redirected"
        assert elsewhere.requests == []


async def test_nobody_at_home() -> None:
    async with serving(until_closed) as stopped:
        endpoint = stopped.endpoint
    with pytest.raises(NetworkError) as caught:
        await dial(endpoint)
    assert caught.value.code == "unreachable"
    assert not caught.value.permanent


async def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(NetworkError) as caught:
        await dial(Endpoint.developer("https://nowhere.invalid"), connector=no_proxy)
    assert caught.value.code == "unreachable"


def no_proxy(uri: str, **options: Any) -> Any:
    return DirectConnect(uri, **options | {"proxy": None})


async def speak_other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example ESMTP\r\n")
    writer.close()
    await writer.wait_closed()


async def test_what_is_no_websocket() -> None:
    async with await asyncio.start_server(speak_other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NetworkError) as caught:
            await dial(Endpoint.developer(f"http://127.0.0.1:{port}"))
    assert caught.value.code == "not_a_websocket"


async def test_a_silent_server_runs_into_the_time_out() -> None:
    done = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NetworkError) as caught:
            await dial(Endpoint.developer(f"http://127.0.0.1:{port}"), open_timeout=0.05)
        done.set()
    assert caught.value.code == "connect_timeout"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def test_tls_with_a_context_of_our_own(
    authority: trustme.CA, server_tls: ssl.SSLContext
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serving(until_closed, ssl=server_tls) as peer:
        socket = await dial(peer.endpoint, tls=trusting, connector=no_proxy)
        assert len(peer.requests) == 1
        await socket.close()


async def test_a_certificate_that_nobody_vouches_for(server_tls: ssl.SSLContext) -> None:
    async with serving(until_closed, ssl=server_tls) as peer:
        with pytest.raises(NetworkError) as caught:
            await dial(peer.endpoint, connector=no_proxy)
        assert peer.requests == []
    assert caught.value.code == "certificate_untrusted"
    assert caught.value.permanent


async def test_a_broken_proxy_of_the_environment_is_named(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await asyncio.start_server(speak_other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(NetworkError) as caught:
            await dial(Endpoint.developer("https://nowhere.invalid"))
    assert caught.value.code == "proxy_failed"


async def test_another_connector_can_take_its_place() -> None:
    dialled: list[str] = []

    async def connector(uri: str, **options: Any) -> ClientConnection:
        dialled.append(uri)
        return await connect(uri, **options)

    async with serving(until_closed) as peer:
        socket = await dial(peer.endpoint, connector=connector)
        assert dialled == [peer.endpoint.url]
        await socket.close()


async def test_neither_key_nor_words_are_logged_at_any_level(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(_: Peer, socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        await socket.wait_closed()

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("websockets.server").setLevel(logging.INFO)
        async with serving(talk) as peer:
            socket = await dial(peer.endpoint)
            await socket.send("spoken words")
            assert await socket.recv() == "spoken words"
            await socket.close()
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert KEY not in logged
    assert "spoken" not in logged
