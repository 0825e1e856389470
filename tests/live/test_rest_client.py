import asyncio
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trustme

from live.errors import CredentialError, InvalidRequest, NetworkError, ProtocolError, QuotaError
from live.rest_client import RestAnswer, send
from live.simulator import Simulator
from tests.live.rest_server import RestServer, rest_server

SECRET = {"x-goog-api-key": "AIza-secret"}


@pytest.fixture
def server() -> Iterator[RestServer]:
    with rest_server() as running:
        yield running


async def ask(url: str, method: str = "POST", timeout: float = 10) -> RestAnswer:  # noqa: ASYNC109 - as `send`
    return await send(method, url, SECRET, body={"a": 1}, timeout=timeout)


async def test_a_request_and_its_answer(server: RestServer) -> None:
    server.answer = {"name": "x"}
    answer = await ask(server.url + "/v1/things")
    assert (answer.status, answer.read(dict[str, str])) == (200, {"name": "x"})
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/things", {"a": 1})
    assert asked.headers["x-goog-api-key"] == "AIza-secret"
    assert asked.headers["Content-Type"] == "application/json"
    assert "x" not in repr(answer).replace("RestAnswer", "")


async def test_without_a_body(server: RestServer) -> None:
    await send("GET", server.url + "/things", SECRET, timeout=10)
    assert server.asked[0].body is None


async def test_the_loop_runs_on_meanwhile(server: RestServer) -> None:
    server.gate.clear()
    request = asyncio.create_task(ask(server.url))
    assert await asyncio.to_thread(server.arrived.wait, 10)
    assert not request.done()
    server.gate.set()
    assert (await request).status == 200


async def test_a_service_that_does_not_answer(server: RestServer) -> None:
    server.gate.clear()
    with pytest.raises(NetworkError) as caught:
        await ask(server.url, timeout=0.1)
    assert caught.value.code == "request_timeout"
    assert not caught.value.permanent


async def test_nobody_at_home_and_no_word_of_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rest_server() as stopped:
        url = stopped.url
    with pytest.raises(NetworkError) as caught:
        await ask(url)
    assert caught.value.code == "unreachable"
    assert caught.value.__suppress_context__
    assert "AIza" not in caplog.text + str(caught.value)


async def test_a_certificate_that_nobody_knows() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with Simulator(tls_port=0, ssl_context=context) as simulator:
        with pytest.raises(NetworkError) as caught:
            await ask(simulator.tls_url)
    assert caught.value.code == "certificate_untrusted"
    assert caught.value.permanent


async def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with rest_server() as stopped:
        monkeypatch.setenv("HTTPS_PROXY", stopped.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NetworkError) as caught:
        await ask("https://service.invalid/")
    assert caught.value.code == "proxy_failed"


async def test_loopback_without_tls_goes_through_no_proxy(
    server: RestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await ask(server.url)).status == 200


async def test_a_netrc_file_does_not_replace_the_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Simulator(tls_port=0, ssl_context=context) as simulator:
        headers = {"x-goog-api-key": simulator.api_key}
        url = simulator.tls_url + "/v1alpha/auth_tokens"
        answer = await send("POST", url, headers, body={}, timeout=10)
    assert answer.status == 200


@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_is_not_followed_with_the_key(server: RestServer, status: int) -> None:
    server.status, server.headers = status, {"Location": server.url + "/else"}
    error = (await ask(server.url)).error()
    assert isinstance(error, InvalidRequest)
    assert error.code == "redirected"
    assert len(server.asked) == 1


async def test_an_endless_answer_is_cut(server: RestServer) -> None:
    server.answer = b"x" * 300_000
    with pytest.raises(ProtocolError) as caught:
        await ask(server.url)
    assert caught.value.code == "answer_malformed"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"name": 1}', b"\xff", b"[" * 100_000])
async def test_an_answer_that_cannot_be_read(body: bytes) -> None:
    class Named(msgspec.Struct):
        name: str

    answer = RestAnswer(200, body)
    with pytest.raises(ProtocolError) as caught:
        answer.read(Named)
    assert caught.value.code == "answer_malformed"
    assert answer.message() == ""


async def test_refusals_in_googles_words(server: RestServer) -> None:
    server.refuse(400, "API key not valid.", "INVALID_ARGUMENT", "API_KEY_INVALID")
    answer = await ask(server.url)
    assert isinstance(answer.error(), CredentialError)
    assert answer.message() == "API key not valid."
    server.refuse(429, "Slow down.")
    server.headers = {"Retry-After": "7"}
    error = (await ask(server.url)).error()
    assert isinstance(error, QuotaError)
    assert error.retry_after == 7
