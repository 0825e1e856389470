import asyncio
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from live.auth import VERTEX_SCOPES
from live.authorized_user import (
    AuthorizedUser,
    AuthorizedUserAuth,
    validate_authorized_user_info,
)
from live.errors import CredentialError
from tests.live.token_server import GOOGLE, Clock, TokenServer, token_endpoint

INFO = {
    "type": "authorized_user",
    "client_id": "client-1.apps.googleusercontent.com",
    "client_secret": "GOCSPX-made-up",
    "refresh_token": "1//made-up",
    "token_uri": GOOGLE,
}


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def user(server: TokenServer) -> AuthorizedUser:
    return AuthorizedUser.from_info(INFO | {"token_uri": server.uri})


@pytest.fixture
def auth(user: AuthorizedUser, clock: Clock) -> AuthorizedUserAuth:
    return AuthorizedUserAuth(user, clock=clock)


# -- What is stored --------------------------------------------------------------------------------


def test_a_file_comes_back_as_it_was() -> None:
    for info in (INFO, INFO | {"quota_project_id": "p2"}):
        assert validate_authorized_user_info(json.dumps(info | {"account": "x"})) == info


def test_google_is_the_token_endpoint_of_a_file_without_one() -> None:
    info = {name: value for name, value in INFO.items() if name != "token_uri"}
    assert AuthorizedUser.from_info(info).token_uri == GOOGLE


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token"])
@pytest.mark.parametrize("value", ["", None, 7])
def test_a_missing_field_is_named(name: str, value: object) -> None:
    with pytest.raises(CredentialError, match=name) as caught:
        validate_authorized_user_info(json.dumps(INFO | {name: value}))
    assert caught.value.code == "credentials_file_invalid"


@pytest.mark.parametrize("uri", ["http://169.254.169.254/token", "token", 7, None, ""])
def test_the_refresh_token_goes_to_no_strange_address(uri: object) -> None:
    with pytest.raises(CredentialError, match="token_uri"):
        AuthorizedUser.from_info(INFO | {"token_uri": uri})


def test_an_allow_list_of_token_uris_holds() -> None:
    raw = json.dumps(INFO | {"token_uri": "https://internal.example/token"})
    with pytest.raises(CredentialError, match="token_uri"):
        validate_authorized_user_info(raw, token_uris={GOOGLE})
    assert validate_authorized_user_info(json.dumps(INFO), token_uris={GOOGLE})


def test_a_quota_project_that_is_no_text() -> None:
    with pytest.raises(CredentialError, match="quota_project_id"):
        AuthorizedUser.from_info(INFO | {"quota_project_id": 7})


def test_a_file_of_another_kind_says_so() -> None:
    with pytest.raises(CredentialError, match="service_account"):
        validate_authorized_user_info(json.dumps(INFO | {"type": "service_account"}))


def test_objects_do_not_show_their_secrets(user: AuthorizedUser, auth: AuthorizedUserAuth) -> None:
    assert "made-up" not in repr(user)
    assert "made-up" not in repr(auth)


# -- Tokens ----------------------------------------------------------------------------------------


async def test_the_grant_is_the_refresh_token(
    auth: AuthorizedUserAuth, server: TokenServer
) -> None:
    assert auth.scopes == ()
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-1"}
    assert auth.scopes == tuple(VERTEX_SCOPES)
    assert server.forms == [
        {
            "grant_type": "refresh_token",
            "client_id": INFO["client_id"],
            "client_secret": INFO["client_secret"],
            "refresh_token": INFO["refresh_token"],
        }
    ]


async def test_a_token_is_used_until_some_minutes_before_its_end(
    auth: AuthorizedUserAuth, server: TokenServer, clock: Clock
) -> None:
    first = await auth.headers()
    clock.now += 3200
    assert await auth.headers() == first
    clock.now += 150
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-2"}
    assert len(server.forms) == 2


async def test_many_sessions_share_one_refresh_and_the_loop_goes_on(
    auth: AuthorizedUserAuth, server: TokenServer
) -> None:
    server.gate.clear()
    sessions = [asyncio.create_task(auth.headers()) for _ in range(20)]
    await asyncio.to_thread(server.asked.wait, 5)  # the loop answers while the endpoint does not
    server.gate.set()
    assert {h["Authorization"] for h in await asyncio.gather(*sessions)} == {"Bearer ya29.token-1"}
    assert len(server.forms) == 1


@pytest.mark.parametrize(
    ("own", "argument", "header"), [("p2", None, "p2"), ("p2", "p3", "p3"), ("", "p3", "p3")]
)
async def test_the_project_that_is_billed(
    server: TokenServer, own: str, argument: str | None, header: str
) -> None:
    user = AuthorizedUser.from_info(INFO | {"token_uri": server.uri, "quota_project_id": own})
    headers = await AuthorizedUserAuth(user, quota_project=argument).headers()
    assert headers["x-goog-user-project"] == header


async def test_a_revoked_sign_in_asks_for_a_new_one_and_shows_no_secret(
    auth: AuthorizedUserAuth, server: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 400
    server.answer = {"error": "invalid_grant", "error_description": "Token revoked: 1//made-up"}
    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialError) as caught:
        await auth.headers()
    assert caught.value.code == "sign_in_again"
    assert "Sign in again" in caught.value.fix
    shown = "".join(traceback.format_exception(caught.value))
    shown += "".join(str(record.__dict__) for record in caplog.records)
    assert "made-up" not in shown


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "a\r\nb"},
        {"access_token": "ya29.x", "expires_in": "soon"},
    ],
)
async def test_an_answer_without_a_usable_token(
    auth: AuthorizedUserAuth, server: TokenServer, answer: dict[str, Any]
) -> None:
    server.answer = answer
    with pytest.raises(CredentialError) as caught:
        await auth.headers()
    assert caught.value.code == "token_answer_malformed"


# -- Refresh tokens that change --------------------------------------------------------------------


def rotating(server: TokenServer, token: str) -> None:
    server.answer = {"access_token": f"ya29.{token}", "expires_in": 3599, "refresh_token": token}


async def test_a_new_refresh_token_is_stored_once_and_used_from_then_on(
    user: AuthorizedUser, server: TokenServer, clock: Clock
) -> None:
    stored: list[AuthorizedUser] = []

    async def store(rotated: AuthorizedUser) -> None:
        stored.append(rotated)

    auth = AuthorizedUserAuth(user, on_rotated=store, clock=clock)
    rotating(server, "second")
    for _ in range(3):
        await auth.headers()
        clock.now += 3500
    assert [kept.refresh_token for kept in stored] == ["second"]
    assert stored[0].to_info() == user.to_info() | {"refresh_token": "second"}
    assert auth.user == stored[0]
    assert [form["refresh_token"] for form in server.forms] == ["1//made-up", "second", "second"]


async def test_a_token_counts_only_when_the_new_state_is_stored(
    user: AuthorizedUser, server: TokenServer, clock: Clock
) -> None:
    stored: list[str] = []
    store_fails = True

    async def store(rotated: AuthorizedUser) -> None:
        if store_fails:
            raise OSError("the database is away")
        stored.append(rotated.refresh_token)

    auth = AuthorizedUserAuth(user, on_rotated=store, clock=clock)
    rotating(server, "second")
    with pytest.raises(OSError, match="away"):
        await auth.headers()
    store_fails = False
    server.answer = None
    assert await auth.headers() == {"Authorization": "Bearer ya29.token-2"}
    assert stored == ["second"]


async def test_while_a_token_holds_a_failing_store_does_no_harm(
    user: AuthorizedUser, server: TokenServer, clock: Clock
) -> None:
    async def store(_: AuthorizedUser) -> None:
        raise OSError("the database is away")

    auth = AuthorizedUserAuth(user, on_rotated=store, clock=clock)
    first = await auth.headers()
    rotating(server, "second")
    clock.now += 3400
    assert await auth.headers() == first
    clock.now += 300
    with pytest.raises(OSError, match="away"):
        await auth.headers()


async def test_without_anybody_who_stores_it_the_new_token_is_still_used(
    auth: AuthorizedUserAuth, server: TokenServer, clock: Clock
) -> None:
    rotating(server, "second")
    await auth.headers()
    clock.now += 3500
    await auth.headers()
    assert server.forms[1]["refresh_token"] == "second"
