import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

import live
from live import checkup, connection
from live.auth import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    ApiKeyAuth,
    Auth,
    BearerTokenAuth,
    EphemeralTokenAuth,
    ServiceAccountAuth,
)
from live.checkup import diagnose
from live.endpoint import Endpoint
from live.ephemeral import mint
from live.findings import Finding, Outcome
from live.simulator import Simulator
from live.simulator.scenario import Close
from tests.live.faults.stage import open_sockets
from tests.live.peer import Peer, Refuse, serving
from tests.live.token_server import TokenServer, key_file, token_endpoint
from tests.live.trials import (
    CANARY,
    MODEL,
    QUICK,
    SILENCE,
    Wall,
    account_of,
    all_ended,
    at_setup,
    diagnose_at,
    diagnose_key,
    failure_of,
    fix_of,
    outcomes,
    token_of,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "diagnose.md").read_text(encoding="utf-8")
[PAGE_CODE] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def simulator(wall: Wall) -> AsyncIterator[Simulator]:
    async with Simulator(pace=QUICK, wall=wall) as running:
        yield running


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


# -- What works --------------------------------------------------------------------------------


def test_the_function_is_exported_and_does_not_hide_its_module() -> None:
    assert live.diagnose is checkup.diagnose


async def test_a_key_that_works(simulator: Simulator) -> None:
    report = await diagnose_key(simulator)
    assert report.ok
    assert report.failure is None
    assert outcomes(report) == {
        "token": "skipped",
        "handshake": "ok",
        "setup": "ok",
        "close": "ok",
    }
    _, handshake, setup, close = report.findings
    assert (handshake.status, close.status) == (101, 1000)
    assert f"models/{MODEL}" in setup.detail
    assert handshake.duration_ms > 0


async def test_a_service_account_makes_a_token(simulator: Simulator) -> None:
    auth = account_of(simulator, VERTEX_SCOPES)
    endpoint = Endpoint.vertex("p1", "us-central1", simulator.url)
    report = await diagnose(endpoint, auth, MODEL)
    assert report.ok
    token, _, setup, _ = report.findings
    assert token.scopes == VERTEX_SCOPES
    assert token.expires_in is not None
    assert 3590 <= token.expires_in <= 3600
    assert token.detail == "A new access token holds for 60 minutes; scopes: cloud-platform."
    assert "projects/p1/locations/us-central1/publishers/google/models/" in setup.detail


async def test_an_access_token_and_an_ephemeral_token_need_no_other(simulator: Simulator) -> None:
    endpoint = Endpoint.developer(simulator.url)
    bearer = await token_of(account_of(simulator))
    minted = await mint(endpoint, ApiKeyAuth(simulator.api_key))
    for auth in (BearerTokenAuth(bearer), EphemeralTokenAuth(minted.name)):
        report = await diagnose(endpoint, auth, MODEL)
        assert report.ok, report
        assert outcomes(report)["token"] == "skipped"
    assert "used" in str((await diagnose(endpoint, auth, MODEL)).failure)  # its one use is gone


async def test_a_session_is_closed_and_nothing_is_left(simulator: Simulator) -> None:
    tasks = asyncio.all_tasks()
    await diagnose_key(simulator)
    await all_ended(tasks)
    assert open_sockets(simulator) == []


async def test_each_finding_is_told_as_soon_as_it_is_there(token_server: TokenServer) -> None:
    told: list[Finding] = []
    told_at_handshake: list[str] = []
    token_server.gate.clear()
    auth = ServiceAccountAuth.from_info(key_file(token_server.uri), DEVELOPER_SCOPES)

    def refuse(socket: ServerConnection, _: Request) -> Response:
        told_at_handshake.extend(finding.step for finding in told)
        return socket.respond(HTTPStatus.FORBIDDEN, "")

    async with serving(until_closed, refuse=refuse) as peer:
        running = asyncio.create_task(diagnose(peer.endpoint, auth, MODEL, on_finding=told.append))
        await asyncio.to_thread(token_server.asked.wait, 5)
        assert told == []
        token_server.gate.set()
        report = await running
    assert told_at_handshake == ["token"]
    assert tuple(told) == report.findings
    assert [finding.step for finding in told] == list(checkup.STEPS)


async def test_the_code_of_the_page(
    simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = dict(vars(live))
    exec(PAGE_CODE, names)  # noqa: S102 - the page's code is what is tested
    endpoint = Endpoint.developer(simulator.url)
    assert await names["verify"](endpoint, ApiKeyAuth(simulator.api_key), MODEL) == "all is well"
    assert capsys.readouterr().out.split() == list(checkup.STEPS)
    assert "key" in await names["verify"](endpoint, ApiKeyAuth(CANARY), MODEL)


# -- The token ---------------------------------------------------------------------------------


async def test_a_key_that_was_disabled_is_seen_though_its_token_holds(
    simulator: Simulator,
) -> None:
    info = simulator.service_account_info()
    auth = ServiceAccountAuth.from_info(info, DEVELOPER_SCOPES)
    await auth.headers()
    simulator.accounts.disable_key(
        info["project_id"], info["client_email"], info["private_key_id"], disabled=True
    )
    report = await diagnose_at(simulator, auth)
    assert failure_of(report) == ("token", None, "key_revoked")
    assert report.findings[0].reason == "invalid_grant"


async def test_a_token_of_another_issuer(simulator: Simulator, token_server: TokenServer) -> None:
    auth = ServiceAccountAuth.from_info(key_file(token_server.uri), DEVELOPER_SCOPES)
    report = await diagnose_at(simulator, auth)
    assert failure_of(report) == ("setup", 1008, "token_invalid")
    assert "token_uri" in fix_of(report)


async def test_a_clock_that_is_wrong(simulator: Simulator, wall: Wall) -> None:
    auth = account_of(simulator)
    wall.ahead = 7200.0
    report = await diagnose_at(simulator, auth)
    assert failure_of(report) == ("token", None, "clock_skew")


async def test_a_token_endpoint_that_says_nothing(
    simulator: Simulator, token_server: TokenServer
) -> None:
    token_server.gate.clear()
    auth = ServiceAccountAuth.from_info(key_file(token_server.uri), DEVELOPER_SCOPES)
    report = await diagnose(Endpoint.developer(simulator.url), auth, MODEL, timeout=0.05)
    assert failure_of(report) == ("token", None, "token_timeout")
    token_server.gate.set()


# -- The handshake -----------------------------------------------------------------------------


def refusing(status: int, body: str = "", retry_after: str = "") -> Refuse:
    def refuse(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(HTTPStatus(status), body)
        response.headers["Retry-After"] = retry_after
        return response

    return refuse


async def until_closed(_: Peer, socket: ServerConnection) -> None:
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("status", "body", "code", "advice"),
    [
        (401, "", "token_invalid", "Google AI Studio"),
        (403, "", "permission_denied", "restrictions"),
        (403, "SERVICE_DISABLED", "api_disabled", "generativelanguage.googleapis.com"),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "scope_insufficient", "generative-language"),
        (404, "", "endpoint_not_found", "base URL"),
        (429, "", "rate_limited", "Wait 17 s"),
        (503, "", "unavailable", "Try again"),
    ],
)
async def test_a_handshake_that_is_refused(status: int, body: str, code: str, advice: str) -> None:
    async with serving(until_closed, refuse=refusing(status, body, "17")) as peer:
        report = await diagnose(peer.endpoint, ApiKeyAuth(CANARY), MODEL)
    assert failure_of(report) == ("handshake", status, code)
    assert advice in fix_of(report)
    assert outcomes(report) == {
        "token": "skipped",
        "handshake": "failed",
        "setup": "skipped",
        "close": "skipped",
    }


async def test_nobody_at_home() -> None:
    async with serving(until_closed) as stopped:
        endpoint = stopped.endpoint
    report = await diagnose(endpoint, ApiKeyAuth(CANARY), MODEL)
    assert failure_of(report) == ("handshake", None, "unreachable")


async def test_somebody_who_takes_the_call_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = Endpoint.developer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        report = await diagnose(endpoint, ApiKeyAuth(CANARY), MODEL, timeout=0.05)
    assert failure_of(report) == ("handshake", None, "connect_timeout")


async def test_a_credential_that_does_not_go_with_the_endpoint(simulator: Simulator) -> None:
    endpoint = Endpoint.vertex("p1", "us-central1", simulator.url)
    report = await diagnose(endpoint, EphemeralTokenAuth("auth_tokens/made-up"), MODEL)
    assert failure_of(report) == ("handshake", None, "ephemeral_on_vertex")


# -- The setup ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "status", "code"),
    [
        (ApiKeyAuth(CANARY), 1007, "api_key_invalid"),
        (BearerTokenAuth("ya29.canary"), 1008, "token_invalid"),
        (EphemeralTokenAuth("auth_tokens/canary"), 1008, "token_invalid"),
    ],
)
async def test_a_credential_that_is_not_accepted(
    simulator: Simulator, auth: Auth, status: int, code: str
) -> None:
    report = await diagnose_at(simulator, auth)
    assert failure_of(report) == ("setup", status, code)
    assert report.failure is not None
    assert report.failure.reason


async def test_a_token_with_the_wrong_scope(simulator: Simulator) -> None:
    auth = account_of(simulator, VERTEX_SCOPES)
    report = await diagnose_at(simulator, auth)
    assert failure_of(report) == ("setup", 1008, "scope_insufficient")
    assert all(scope in fix_of(report) for scope in DEVELOPER_SCOPES)


async def test_a_token_that_has_expired(simulator: Simulator, wall: Wall) -> None:
    token = await token_of(account_of(simulator))
    wall.ahead = 3600.0
    report = await diagnose_at(simulator, BearerTokenAuth(token))
    assert failure_of(report) == ("setup", 1008, "token_invalid")
    assert "expired" in str(report.failure)


async def test_an_ephemeral_token_that_has_expired(simulator: Simulator, wall: Wall) -> None:
    endpoint = Endpoint.developer(simulator.url)
    soon = datetime.now(UTC) + timedelta(minutes=5)
    minted = await mint(
        endpoint, ApiKeyAuth(simulator.api_key), expire_time=soon, new_session_expire_time=soon
    )
    wall.ahead = 600.0
    report = await diagnose(endpoint, EphemeralTokenAuth(minted.name), MODEL)
    assert failure_of(report)[0] == "setup"
    assert "Mint a new token" in fix_of(report)


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("no-such-model", 1008, "model_not_found"), ("a model", None, "endpoint_unusable")],
)
async def test_a_model_that_is_none(
    simulator: Simulator, model: str, status: int | None, code: str
) -> None:
    tasks = asyncio.all_tasks()
    report = await diagnose_at(simulator, ApiKeyAuth(simulator.api_key), model)
    assert failure_of(report) == ("setup", status, code)
    await all_ended(tasks)
    assert open_sockets(simulator) == []


async def test_a_model_that_vertex_does_not_have(simulator: Simulator) -> None:
    auth = account_of(simulator, VERTEX_SCOPES)
    endpoint = Endpoint.vertex("p1", "us-central1", simulator.url)
    report = await diagnose(endpoint, auth, "no-such-model")
    assert failure_of(report) == ("setup", 1008, "model_not_found")
    assert "location" in fix_of(report)


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("key-expired", 1007, "api_key_expired"),
        ("key-not-found", 1007, "api_key_invalid"),
        ("location", 1007, "location_unsupported"),
        ("quota", 1011, "quota_exceeded"),
        ("drop-at-setup", 1006, "connection_lost"),
    ],
)
async def test_a_setup_under_a_fault(
    simulator: Simulator, scenario: str, status: int, code: str
) -> None:
    simulator.script(scenario)
    assert failure_of(await diagnose_key(simulator)) == ("setup", status, code)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (1007, "Request contains an invalid argument.", "invalid_argument"),
        (1008, "Something new.", "refused"),
        (1011, "Internal error encountered.", "internal"),
        (1011, "The service is currently unavailable.", "unavailable"),
    ],
)
async def test_a_setup_that_is_refused(
    simulator: Simulator, status: int, reason: str, code: str
) -> None:
    simulator.script(at_setup(Close(code=status, reason=reason)))
    report = await diagnose_key(simulator)
    assert failure_of(report) == ("setup", status, code)
    assert report.failure is not None
    assert report.failure.reason == reason
    assert "Resume" not in fix_of(report)  # there is no session yet


async def test_no_room_for_another_session() -> None:
    async with Simulator(pace=QUICK, max_sessions=0) as full:
        report = await diagnose_key(full)
    assert failure_of(report) == ("setup", 1011, "quota_exceeded")
    assert fix_of(report).startswith("Wait 60 s")


async def test_a_server_that_does_not_answer_the_setup(simulator: Simulator) -> None:
    simulator.script(SILENCE)
    report = await diagnose_key(simulator, timeout=0.05)
    assert failure_of(report) == ("setup", None, "setup_timeout")


# -- The close ---------------------------------------------------------------------------------


async def test_a_session_that_ends_as_soon_as_it_was_accepted() -> None:
    async def accept_and_close(peer: Peer, socket: ServerConnection) -> None:
        await peer.accept(socket)
        await socket.close(1011, "Internal error encountered.")

    async with serving(accept_and_close) as peer:
        report = await diagnose(peer.endpoint, ApiKeyAuth(CANARY), MODEL)
    assert failure_of(report) == ("close", 1011, "internal")
    assert outcomes(report)["setup"] == "ok"


async def test_a_server_that_goes_away_instead_of_closing() -> None:
    async def accept_and_abort(peer: Peer, socket: ServerConnection) -> None:
        await peer.accept(socket)
        socket.transport.abort()

    async with serving(accept_and_abort) as peer:
        report = await diagnose(peer.endpoint, ApiKeyAuth(CANARY), MODEL)
    assert failure_of(report)[:2] == ("close", 1006)


async def test_a_close_that_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.1)
    done = asyncio.Event()

    async def accept_and_fall_silent(peer: Peer, socket: ServerConnection) -> None:
        await peer.accept(socket)
        socket.transport.pause_reading()
        await done.wait()
        socket.transport.abort()

    async with serving(accept_and_fall_silent) as peer:
        report = await diagnose(peer.endpoint, ApiKeyAuth(CANARY), MODEL)
        done.set()
    assert failure_of(report) == ("close", 1006, "close_unanswered")


# -- Cancelling, and what may be shown -----------------------------------------------------------


async def test_cancelling_leaves_nothing_open(simulator: Simulator) -> None:
    tasks = asyncio.all_tasks()
    simulator.script(SILENCE)
    told: asyncio.Queue[Finding] = asyncio.Queue()
    running = asyncio.create_task(diagnose_key(simulator, on_finding=told.put_nowait))
    while (await told.get()).step != "handshake":
        pass
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await all_ended(tasks)
    assert open_sockets(simulator) == []


async def test_a_listener_that_fails_leaves_nothing_open(simulator: Simulator) -> None:
    def break_off(finding: Finding) -> None:
        if finding.step == "handshake":
            raise BrokenPipeError

    tasks = asyncio.all_tasks()
    with pytest.raises(BrokenPipeError):
        await diagnose_key(simulator, on_finding=break_off)
    await all_ended(tasks)
    assert open_sockets(simulator) == []


async def test_no_report_holds_a_secret(simulator: Simulator) -> None:
    auth = account_of(simulator)
    good = await diagnose_at(simulator, auth)
    bad = await diagnose_at(simulator, ApiKeyAuth(CANARY))
    token = await token_of(auth)
    for report in (good, bad):
        shown = json.dumps(report.to_dict()) + repr(report)
        assert token not in shown
        assert CANARY not in shown


async def test_what_is_no_finding_is_raised(simulator: Simulator) -> None:
    class Broken(Auth):
        async def headers(self) -> dict[str, str]:
            raise LookupError

    with pytest.raises(LookupError):
        await diagnose_at(simulator, Broken())


async def test_a_credential_of_another_kind(simulator: Simulator) -> None:
    class Borrowed(Auth):
        async def headers(self) -> dict[str, str]:
            return {"x-goog-api-key": simulator.api_key}

    report = await diagnose_at(simulator, Borrowed())
    assert report.ok
    assert report.findings[0].outcome is Outcome.SKIPPED
    assert report.findings[0].detail == "The credential is sent as it is."
