import dataclasses

import pytest

from live.advice import advice_on
from live.auth import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    ApiKeyAuth,
    Auth,
    BearerTokenAuth,
    EphemeralTokenAuth,
    ServiceAccountAuth,
)
from live.authorized_user import AuthorizedUser, AuthorizedUserAuth
from live.endpoint import Endpoint
from live.errors import LiveError, error_from_close, error_from_handshake
from tests.live.token_server import PRIVATE_PEM, key_file

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "europe-west4")
KEY = ApiKeyAuth("AIza-canary")
EPHEMERAL = EphemeralTokenAuth("auth_tokens/canary")
BEARER = BearerTokenAuth("ya29.canary")
ACCOUNT = ServiceAccountAuth.from_info(key_file(), VERTEX_SCOPES)
USER = AuthorizedUserAuth(AuthorizedUser("client-1", "GOCSPX-canary", "1//canary"))
EVERY_KIND = (KEY, EPHEMERAL, BEARER, ACCOUNT, USER)


def fix(error: LiveError, endpoint: Endpoint, auth: Auth) -> str:
    return advice_on(error.diagnosis, endpoint, auth).fix


@pytest.mark.parametrize(
    ("auth", "summary", "advice"),
    [
        (KEY, "API key", "Google AI Studio"),
        (EPHEMERAL, "ephemeral token", "Mint a new token"),
        (BEARER, "has expired", "new access token"),
        (ACCOUNT, "is new", "token_uri"),
        (USER, "is new", "token_uri"),
    ],
)
def test_each_kind_that_is_not_accepted_has_a_cause_of_its_own(
    auth: Auth, summary: str, advice: str
) -> None:
    close = error_from_close(1008, "Request had invalid authentication credentials.")
    for error in (close, error_from_handshake(401)):
        advised = advice_on(error.diagnosis, DEVELOPER, auth)
        assert summary in advised.summary
        assert advice in advised.fix


@pytest.mark.parametrize("auth", [BEARER, ACCOUNT, USER])
@pytest.mark.parametrize(
    ("endpoint", "scopes"), [(DEVELOPER, DEVELOPER_SCOPES), (VERTEX, VERTEX_SCOPES)]
)
def test_a_missing_scope_is_named(auth: Auth, endpoint: Endpoint, scopes: tuple[str, ...]) -> None:
    error = error_from_close(1008, "Request had insufficient authentication scopes.")
    advised = fix(error, endpoint, auth)
    assert [scope for scope in DEVELOPER_SCOPES if scope in advised] == list(scopes)
    assert ("Sign in again" in advised) is (auth is USER)


def test_the_api_to_enable_is_named() -> None:
    error = error_from_handshake(403, body="SERVICE_DISABLED")
    assert "(generativelanguage.googleapis.com)" in fix(error, DEVELOPER, KEY)
    vertex = fix(error, VERTEX, ACCOUNT)
    assert "(aiplatform.googleapis.com)" in vertex
    assert "project p1" in vertex


@pytest.mark.parametrize(
    ("endpoint", "auth", "advice"),
    [
        (DEVELOPER, KEY, "restrictions"),
        (DEVELOPER, USER, "roles/serviceusage.serviceUsageConsumer"),
        (VERTEX, ACCOUNT, "roles/aiplatform.user in p1"),
    ],
)
def test_the_role_to_grant_is_named(endpoint: Endpoint, auth: Auth, advice: str) -> None:
    assert advice in fix(error_from_handshake(403), endpoint, auth)


def test_vertex_has_a_model_in_some_locations_only() -> None:
    reason = "Publisher model `projects/p1/…/models/x` was not found."
    error = error_from_close(1008, reason)
    advised = advice_on(error.diagnosis, VERTEX, ACCOUNT)
    assert "europe-west4" in advised.summary
    assert "location" in advised.fix
    error = error_from_close(1008, "models/x is not found for API version v1beta")
    assert advice_on(error.diagnosis, DEVELOPER, KEY) is error.diagnosis


def test_how_long_to_wait() -> None:
    assert fix(error_from_handshake(429), VERTEX, ACCOUNT).startswith("Wait 60 s")
    asked = error_from_handshake(429, retry_after=17.0)
    assert fix(asked, VERTEX, ACCOUNT).startswith("Wait 17 s")


CLOSES = [
    (1000, ""),
    (1006, ""),
    (1007, "Request contains an invalid argument."),
    (1007, 'Invalid JSON payload received. Unknown name "x": Cannot find field.'),
    (1007, "The requested combination of response modalities (AUDIO) is not supported."),
    (1008, "The operation was aborted."),
    (1008, "Operation is not implemented, or supported, or enabled."),
    (1008, "Something new."),
    (1011, "Internal error encountered."),
    (1011, "The service is currently unavailable."),
]


@pytest.mark.parametrize(("code", "reason"), CLOSES)
def test_a_trial_has_no_agent_and_no_session_to_resume(code: int, reason: str) -> None:
    advised = fix(error_from_close(code, reason), DEVELOPER, KEY)
    assert advised
    assert "agent" not in advised
    assert "esume" not in advised


def test_what_nobody_knows_better_stays_as_it_is() -> None:
    diagnosis = error_from_close(1007, "API key not valid.").diagnosis
    assert advice_on(diagnosis, DEVELOPER, KEY) is diagnosis


@pytest.mark.parametrize(("code", "reason"), [*CLOSES, (1008, "authentication scopes")])
def test_only_the_words_change_and_none_is_secret(code: int, reason: str) -> None:
    diagnosis = error_from_close(code, reason).diagnosis
    for auth in EVERY_KIND:
        advised = advice_on(diagnosis, DEVELOPER, auth)
        unchanged = dataclasses.replace(advised, summary=diagnosis.summary, fix=diagnosis.fix)
        assert unchanged == diagnosis
        assert "canary" not in repr(advised)
        assert PRIVATE_PEM[100:150] not in repr(advised)
