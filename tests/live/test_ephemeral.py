import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from live.auth import DEVELOPER_SCOPES, ApiKeyAuth, EphemeralTokenAuth, ServiceAccountAuth
from live.client import connect
from live.endpoint import Endpoint
from live.ephemeral import LiveConnectConstraints, TokenRequest, mint
from live.errors import (
    CallerError,
    CredentialError,
    InvalidRequest,
    LiveError,
    NetworkError,
    ProtocolError,
    ProviderError,
    QuotaError,
)
from live.setup import SessionConfig
from live.simulator import Pace, Simulator
from tests.live.rest_server import RestServer, rest_server
from tests.live.simulator.wire import dial, send

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
ENDPOINT = Endpoint.developer("http://127.0.0.1:1").constrained()
MODEL = "gemini-3.8-live"
CONFIG = SessionConfig(model=MODEL, temperature=0.5, compression=False)
AUTH = ApiKeyAuth("AIza-secret")
CONSTRAINED = (
    "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
)


@pytest.fixture
def server() -> Iterator[RestServer]:
    with rest_server() as running:
        running.answer = {"name": "auth_tokens/abc"}
        yield running


# -- What is asked for --------------------------------------------------------------------------


def test_the_defaults_are_left_to_the_service() -> None:
    request = TokenRequest()
    assert request.times(NOON) == (NOON + 30 * MINUTE, NOON + MINUTE)
    assert request.body(ENDPOINT, NOON) == {"uses": 1}


@pytest.mark.parametrize(
    ("expire", "new_session", "expected"),
    [
        (HOUR, None, (HOUR, MINUTE)),
        (10 * SECOND, None, (10 * SECOND, 10 * SECOND)),
        (None, 2 * MINUTE, (30 * MINUTE, 2 * MINUTE)),
        (HOUR, HOUR, (HOUR, HOUR)),
        (20 * HOUR - SECOND, 19 * HOUR, (20 * HOUR - SECOND, 19 * HOUR)),
    ],
)
def test_times_within_the_limits(
    expire: timedelta | None, new_session: timedelta | None, expected: tuple[timedelta, timedelta]
) -> None:
    request = TokenRequest(
        expire_time=None if expire is None else NOON + expire,
        new_session_expire_time=None if new_session is None else NOON + new_session,
    )
    expires, latest = (NOON + ahead for ahead in expected)
    assert request.times(NOON) == (expires, latest)
    body = request.body(ENDPOINT, NOON)
    sent = body["expireTime"], body["newSessionExpireTime"]
    assert tuple(map(datetime.fromisoformat, sent)) == (expires, latest)
    assert all(text.endswith("Z") for text in sent)


@pytest.mark.parametrize(
    "request_",
    [
        TokenRequest(uses=-1),
        TokenRequest(uses=2**31),
        TokenRequest(uses=True),
        TokenRequest(expire_time=NOON),
        TokenRequest(expire_time=NOON + 20 * HOUR),
        TokenRequest(expire_time=(NOON + HOUR).replace(tzinfo=None)),
        TokenRequest(new_session_expire_time=NOON - SECOND),
        TokenRequest(new_session_expire_time=NOON + 20 * HOUR),
        TokenRequest(new_session_expire_time=NOON + HOUR),
        TokenRequest(expire_time=NOON + HOUR, new_session_expire_time=NOON + HOUR + SECOND),
    ],
)
def test_limits_are_checked_here(request_: TokenRequest) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_.times(NOON)
    assert caught.value.code == "token_request_invalid"
    assert caught.value.fix


SETUP = {
    "model": f"models/{MODEL}",
    "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.5},
    "sessionResumption": {},
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
}
MASK = (
    "model,generationConfig.responseModalities,generationConfig.temperature,"
    "sessionResumption,inputAudioTranscription,outputAudioTranscription"
)


@pytest.mark.parametrize(
    ("names", "mask"),
    [
        (None, None),
        ([], MASK),
        (["top_p"], f"{MASK},generationConfig.topP"),
        (["tools", "realtime_input_config"], f"{MASK},tools,realtimeInputConfig"),
        (["generationConfig.seed", "proactivity"], f"{MASK},generationConfig.seed,proactivity"),
    ],
)
def test_constraints_and_what_they_lock(names: list[str] | None, mask: str | None) -> None:
    request = TokenRequest(constraints=LiveConnectConstraints(CONFIG, names))
    expected = {"uses": 1, "bidiGenerateContentSetup": SETUP}
    body = request.body(ENDPOINT, NOON)
    assert body == (expected if mask is None else {**expected, "fieldMask": mask})


@pytest.mark.parametrize("name", ["colour", "", "generationConfig.colour", "tools.0"])
def test_a_field_that_is_none_cannot_be_locked(name: str) -> None:
    request = TokenRequest(constraints=LiveConnectConstraints(CONFIG, [name]))
    with pytest.raises(InvalidRequest) as caught:
        request.body(ENDPOINT, NOON)
    assert caught.value.code == "token_request_invalid"


# -- Against a server ---------------------------------------------------------------------------


async def test_the_request_and_the_token(server: RestServer) -> None:
    endpoint = Endpoint.developer(server.url + "/prefix/")
    expire = datetime.now(UTC) + HOUR
    token = await mint(endpoint, AUTH, uses=3, expire_time=expire)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/prefix/v1alpha/auth_tokens")
    assert asked.headers["x-goog-api-key"] == "AIza-secret"
    assert (token.name, token.uses, token.expire_time) == ("auth_tokens/abc", 3, expire)
    assert datetime.fromisoformat(asked.body["newSessionExpireTime"]) == (
        token.new_session_expire_time
    )


async def test_a_constrained_endpoint_keeps_its_version(server: RestServer) -> None:
    await mint(Endpoint.developer(server.url).constrained("v1beta"), AUTH)
    assert server.asked[0].path == "/v1beta/auth_tokens"


async def test_the_token_is_shown_nowhere(
    server: RestServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await mint(Endpoint.developer(server.url), AUTH)
    assert "abc" not in repr(token) + str(token) + caplog.text
    assert "AIza" not in caplog.text
    server.refuse(400, "The token auth_tokens/abc of AIza-secret is wrong.")
    with pytest.raises(InvalidRequest) as caught:
        await mint(Endpoint.developer(server.url), AUTH)
    assert "abc" not in str(caught.value) + caplog.text
    assert "AIza" not in str(caught.value)


async def test_nothing_is_sent_beyond_a_limit(server: RestServer) -> None:
    with pytest.raises(InvalidRequest):
        await mint(Endpoint.developer(server.url), AUTH, uses=-1)
    with pytest.raises(CallerError) as caught:
        await mint(Endpoint.vertex("p", "us-central1", server.url), AUTH)
    assert caught.value.code == "ephemeral_on_vertex"
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "message", "reason", "kind", "code"),
    [
        (400, "API key not valid.", "API_KEY_INVALID", CredentialError, "api_key_invalid"),
        (400, "uses is wrong.", "", InvalidRequest, "token_refused"),
        (401, "No.", "", CredentialError, "token_invalid"),
        (403, "No.", "", CredentialError, "permission_denied"),
        (403, "No.", "SERVICE_DISABLED", CredentialError, "api_disabled"),
        (404, "No.", "", InvalidRequest, "endpoint_not_found"),
        (429, "No.", "", QuotaError, "rate_limited"),
        (500, "No.", "", ProviderError, "unavailable"),
        (503, "No.", "", ProviderError, "unavailable"),
    ],
)
async def test_what_the_service_refuses(
    server: RestServer, status: int, message: str, reason: str, kind: type[LiveError], code: str
) -> None:
    server.refuse(status, message, reason=reason)
    with pytest.raises(kind) as caught:
        await mint(Endpoint.developer(server.url), AUTH)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize("answer", [{}, {"name": 1}, {"name": "tokens/x"}, b"", {"name": "a\n"}])
async def test_an_answer_without_a_token(server: RestServer, answer: Any) -> None:
    server.answer = answer
    with pytest.raises(ProtocolError):
        await mint(Endpoint.developer(server.url), AUTH)


async def test_nobody_at_home() -> None:
    with rest_server() as stopped:
        endpoint = Endpoint.developer(stopped.url)
    with pytest.raises(NetworkError):
        await mint(endpoint, AUTH)


# -- Against the simulator ----------------------------------------------------------------------

QUICK = Pace(setup=0.0, first_update=0.0)


@pytest.mark.parametrize("in_query", [False, True])
async def test_a_token_opens_as_many_sessions_as_it_has_uses(in_query: bool) -> None:
    async with Simulator(pace=QUICK) as simulator:
        endpoint = Endpoint.developer(simulator.url)
        token = await mint(endpoint, ApiKeyAuth(simulator.api_key), uses=2)
        auth = EphemeralTokenAuth(token.name, in_query=in_query)
        for _ in range(2):
            connection = await connect(endpoint, auth, CONFIG)
            await connection.close()
        with pytest.raises(CredentialError) as caught:
            await connect(endpoint, auth, CONFIG)
    assert caught.value.code == "token_used_up"


async def test_a_locked_field_is_what_the_token_says() -> None:
    config = replace(CONFIG, resumption=False)
    async with Simulator(pace=QUICK) as simulator:
        endpoint = Endpoint.developer(simulator.url)
        auth = ServiceAccountAuth.from_info(simulator.service_account_info(), DEVELOPER_SCOPES)
        constraints = LiveConnectConstraints(config)
        token = await mint(endpoint, auth, uses=0, constraints=constraints)
        headers = {"Authorization": f"Token {token.name}"}
        async with dial(simulator, CONSTRAINED, headers=headers) as socket:
            await send(socket, {"setup": {"model": "models/unknown", "sessionResumption": {}}})
            assert "setupComplete" in json.loads(await socket.recv())


async def test_the_simulator_and_this_client_agree_on_a_wrong_key() -> None:
    async with Simulator() as simulator:
        with pytest.raises(CredentialError) as caught:
            await mint(Endpoint.developer(simulator.url), ApiKeyAuth("AIza-wrong"))
    assert (caught.value.code, caught.value.status) == ("api_key_invalid", 400)
