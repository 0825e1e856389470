import asyncio
import base64
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth import jwt

from live.auth import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    ApiKeyAuth,
    BearerTokenAuth,
    EphemeralTokenAuth,
    ServiceAccountAuth,
)
from live.endpoint import Endpoint
from live.errors import CallerError, CredentialError
from tests.live.token_server import (
    PRIVATE_PEM,
    PUBLIC_PEM,
    Clock,
    TokenServer,
    key_file,
    token_endpoint,
)


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auth(server: TokenServer, clock: Clock) -> ServiceAccountAuth:
    return ServiceAccountAuth.from_info(key_file(server.uri), VERTEX_SCOPES, clock=clock)


async def test_an_api_key_goes_into_its_header() -> None:
    assert await ApiKeyAuth("AIza-x").headers() == {"x-goog-api-key": "AIza-x"}


async def test_a_token_may_have_a_key_beside_it() -> None:
    assert await BearerTokenAuth("ya29.x").headers() == {"Authorization": "Bearer ya29.x"}
    assert await BearerTokenAuth("ya29.x", key="k").headers() == {
        "Authorization": "Bearer ya29.x",
        "x-goog-api-key": "k",
    }


async def test_only_an_ephemeral_token_wants_anything_else_than_headers() -> None:
    endpoint = Endpoint.developer()
    for auth in (ApiKeyAuth("AIza-x"), BearerTokenAuth("ya29.x")):
        assert auth.query() == {}
        assert auth.endpoint_for(endpoint) is endpoint


async def test_an_ephemeral_token_goes_into_a_header_or_into_the_address() -> None:
    in_header = EphemeralTokenAuth("auth_tokens/x")
    assert await in_header.headers() == {"Authorization": "Token auth_tokens/x"}
    assert in_header.query() == {}
    in_query = EphemeralTokenAuth("auth_tokens/x", in_query=True)
    assert await in_query.headers() == {}
    assert in_query.query() == {"access_token": "auth_tokens/x"}


def test_an_ephemeral_token_is_for_the_constrained_method() -> None:
    auth = EphemeralTokenAuth("auth_tokens/x")
    endpoint = auth.endpoint_for(Endpoint.developer())
    assert endpoint.url.endswith(".v1alpha.GenerativeService.BidiGenerateContentConstrained")
    older = Endpoint.developer().constrained("v1beta")
    assert auth.endpoint_for(older) is older
    with pytest.raises(CallerError) as caught:
        auth.endpoint_for(Endpoint.vertex("p1", "us-central1"))
    assert caught.value.code == "ephemeral_on_vertex"


@pytest.mark.parametrize("token", ["", "x", "AIza-x", "auth_tokens/a b", "auth_tokens/a\r\nb: 1"])
def test_what_is_no_ephemeral_token_is_refused(token: str) -> None:
    with pytest.raises(CredentialError) as caught:
        EphemeralTokenAuth(token)
    assert caught.value.code in {"token_no_ephemeral", "secret_malformed"}
    assert "AIza" not in str(caught.value)


async def test_every_bearer_may_name_the_project_that_is_billed(server: TokenServer) -> None:
    info = key_file(server.uri)
    files_own = ServiceAccountAuth.from_info(info | {"quota_project_id": "p2"}, VERTEX_SCOPES)
    ours = ServiceAccountAuth.from_info(info, VERTEX_SCOPES, quota_project="p2")
    for auth in (files_own, ours, BearerTokenAuth("ya29.x", quota_project="p2")):
        assert (await auth.headers())["x-goog-user-project"] == "p2"


@pytest.mark.parametrize("project", ["a b", "a\r\nX: 1", "проект"])
def test_a_quota_project_that_is_none_is_refused(project: str) -> None:
    with pytest.raises(CredentialError) as caught:
        BearerTokenAuth("ya29.x", quota_project=project)
    assert caught.value.code == "quota_project_malformed"


@pytest.mark.parametrize("secret", ["", " ", "a b", "a\r\nX-Evil: 1", "ключ"])
def test_a_secret_that_is_none_is_refused_without_being_quoted(secret: str) -> None:
    for make in (ApiKeyAuth, BearerTokenAuth, lambda s: BearerTokenAuth("t", key=s)):
        with pytest.raises(CredentialError) as caught:
            make(secret)
        assert caught.value.code == "secret_malformed"
        assert "Evil" not in str(caught.value)


async def test_the_grant_is_a_signed_jwt(server: TokenServer) -> None:
    auth = ServiceAccountAuth.from_info(key_file(server.uri), DEVELOPER_SCOPES)
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-1"}
    (form,) = server.forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    # Checks the signature and the times.
    claims = jwt.decode(form["assertion"], certs=PUBLIC_PEM)  # type: ignore[no-untyped-call]
    assert claims["iss"] == "live@p1.iam.gserviceaccount.com"
    assert claims["aud"] == "https://oauth2.googleapis.com/token"
    assert claims["scope"] == " ".join(DEVELOPER_SCOPES)
    assert claims["exp"] - claims["iat"] == 3600
    header = json.loads(base64.urlsafe_b64decode(form["assertion"].split(".")[0] + "=="))
    assert header == {"typ": "JWT", "alg": "RS256", "kid": "key-1"}


async def test_a_token_is_used_until_some_minutes_before_its_end(
    auth: ServiceAccountAuth, server: TokenServer, clock: Clock
) -> None:
    first = await auth.headers()
    clock.now += 3200
    assert await auth.headers() == first
    assert len(server.forms) == 1
    clock.now += 150
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-2"}


async def test_a_short_token_is_not_replaced_each_time(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    server.answer = {"access_token": "ya29.short", "expires_in": 60}
    for _ in range(3):
        assert await auth.headers() == {"Authorization": "Bearer ya29.short"}
    assert len(server.forms) == 1


async def test_many_sessions_share_one_refresh_and_the_loop_goes_on(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    server.gate.clear()
    sessions = [asyncio.create_task(auth.headers()) for _ in range(20)]
    await asyncio.to_thread(server.asked.wait, 5)  # the loop answers while the endpoint does not
    sessions.append(asyncio.create_task(auth.headers()))
    server.gate.set()
    assert {h["Authorization"] for h in await asyncio.gather(*sessions)} == {"Bearer ya29.token-1"}
    assert len(server.forms) == 1


async def test_one_that_gives_up_does_not_end_the_refresh_of_the_others(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    server.gate.clear()
    first, second = (asyncio.create_task(auth.headers()) for _ in range(2))
    await asyncio.to_thread(server.asked.wait, 5)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.gate.set()
    assert await second == {"Authorization": "Bearer ya29.token-1"}
    assert len(server.forms) == 1


async def test_while_a_token_holds_a_failing_endpoint_does_no_harm(
    auth: ServiceAccountAuth, server: TokenServer, clock: Clock
) -> None:
    first = await auth.headers()
    server.status, server.answer = 400, {"error": "invalid_grant"}
    clock.now += 3400
    assert await auth.headers() == first
    clock.now += 300
    with pytest.raises(CredentialError):
        await auth.headers()
    server.status, server.answer = 200, None
    assert (await auth.headers())["Authorization"].startswith("Bearer ya29.token-")


async def test_a_failing_endpoint_is_left_alone_for_a_while(
    auth: ServiceAccountAuth, server: TokenServer, clock: Clock
) -> None:
    await auth.headers()
    server.status, server.answer = 400, {"error": "invalid_grant"}
    clock.now += 3400
    for _ in range(3):
        await auth.headers()
    assert len(server.forms) == 2
    clock.now += 31
    await auth.headers()
    assert len(server.forms) == 3


async def test_a_refresh_that_fails_is_logged_without_its_answer(
    auth: ServiceAccountAuth, server: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 400
    server.answer = {"error": "invalid_grant", "error_description": "innermost"}
    with pytest.raises(CredentialError):
        await auth.headers()
    assert "grant_refused" in caplog.text
    assert "innermost" not in caplog.text


async def test_a_token_says_how_long_it_holds(auth: ServiceAccountAuth, clock: Clock) -> None:
    assert auth.expires_in == 0.0
    await auth.headers()
    assert 3590 <= auth.expires_in <= 3599
    clock.now += 3000
    assert 590 <= auth.expires_in <= 599
    clock.now += 3000
    assert auth.expires_in == 0.0


def test_a_service_account_says_who_it_is_and_what_it_asks_for(auth: ServiceAccountAuth) -> None:
    assert auth.client_email == "live@p1.iam.gserviceaccount.com"
    assert auth.scopes == VERTEX_SCOPES
    assert ServiceAccountAuth.from_info(key_file(), DEVELOPER_SCOPES).scopes == DEVELOPER_SCOPES


async def test_a_token_that_holds_may_be_renewed(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    await auth.headers()
    await auth.renew()
    assert len(server.forms) == 2
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-2"}
    assert len(server.forms) == 2


async def test_renewing_in_vain_leaves_the_token_that_holds(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    first = await auth.headers()
    server.status, server.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(CredentialError) as caught:
        await auth.renew()
    assert caught.value.code == "grant_refused"
    assert await auth.headers() == first


async def test_two_that_renew_share_one_refresh(
    auth: ServiceAccountAuth, server: TokenServer
) -> None:
    server.gate.clear()
    both = [asyncio.create_task(auth.renew()) for _ in range(2)]
    await asyncio.to_thread(server.asked.wait, 5)
    server.gate.set()
    await asyncio.gather(*both)
    assert len(server.forms) == 1


FAULTS: list[tuple[int, Any, str]] = [
    (
        400,
        {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
        "key_revoked",
    ),
    (
        400,
        {
            "error": "invalid_grant",
            "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and "
            "in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        },
        "clock_skew",
    ),
    (400, {"error": "invalid_scope"}, "scope_refused"),
    (404, b"<html>not here</html>", "token_answer_malformed"),
    (302, b"", "token_answer_malformed"),
    (200, b"no json", "token_answer_malformed"),
    (200, b"\xff\xfe", "token_answer_malformed"),
    (200, b"[]", "token_answer_malformed"),
    (200, {}, "token_answer_malformed"),
    (200, {"id_token": "eyJh.innermost.x"}, "token_answer_malformed"),
    (200, {"access_token": None, "expires_in": 60}, "token_answer_malformed"),
    (200, {"access_token": 7, "expires_in": 60}, "token_answer_malformed"),
    (200, {"access_token": "a\r\nb", "expires_in": 60}, "token_answer_malformed"),
    (200, {"access_token": "ya29.x", "expires_in": "soon"}, "token_answer_malformed"),
    (200, {"access_token": "ya29.x", "expires_in": 10**30}, "token_answer_malformed"),
]


@pytest.mark.parametrize(("status", "answer", "code"), FAULTS)
async def test_each_fault_of_the_endpoint_is_typed_and_shows_no_secret(
    auth: ServiceAccountAuth, server: TokenServer, status: int, answer: Any, code: str
) -> None:
    server.status, server.answer = status, answer
    with pytest.raises(CredentialError) as caught:
        await auth.headers()
    assert caught.value.code == code
    shown = "".join(traceback.format_exception(caught.value))
    assert server.forms[0]["assertion"] not in shown
    assert "innermost" not in shown
    assert PRIVATE_PEM[100:150] not in shown


async def test_nobody_at_home_is_no_permanent_fault(clock: Clock) -> None:
    with token_endpoint() as stopped:
        uri = stopped.uri
    auth = ServiceAccountAuth.from_info(key_file(uri), VERTEX_SCOPES, clock=clock)
    with pytest.raises(CredentialError) as caught:
        await auth.headers()
    assert caught.value.code == "token_endpoint_unreachable"
    assert not caught.value.permanent


async def test_nothing_secret_is_logged(
    auth: ServiceAccountAuth, server: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await auth.headers()
    logged = "".join(str(record.__dict__) for record in caplog.records)
    assert server.forms[0]["assertion"] not in logged
    assert "ya29" not in logged


@pytest.mark.parametrize("name", ["private_key", "client_email", "token_uri"])
def test_a_missing_field_is_named(name: str) -> None:
    info = key_file()
    del info[name]
    with pytest.raises(CredentialError, match=name):
        ServiceAccountAuth.from_info(info, VERTEX_SCOPES)


def test_objects_do_not_show_their_secret() -> None:
    auth = ServiceAccountAuth.from_info(key_file(), VERTEX_SCOPES)
    token = EphemeralTokenAuth("auth_tokens/ya29")
    for value in (ApiKeyAuth("AIza-x"), BearerTokenAuth("ya29.x"), token, auth):
        assert "AIza" not in repr(value)
        assert "ya29" not in repr(value)
        assert "PRIVATE" not in repr(value)
