import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth import jwt

from live.auth import DEVELOPER_SCOPES, VERTEX_SCOPES
from live.endpoint import Endpoint
from live.environment import auth_from_environment
from live.errors import CredentialError
from tests.live.token_server import PUBLIC_PEM, TokenServer, key_file, token_endpoint

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "us-central1")
EVERYTHING = {
    "GEMINI_OAUTH_TOKEN": "ya29.x",
    "GOOGLE_API_KEY": "google-key",
    "GEMINI_API_KEY": "gemini-key",
}


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


def without(*names: str) -> dict[str, str]:
    return {name: "" if name in names else value for name, value in EVERYTHING.items()}


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        (EVERYTHING, {"Authorization": "Bearer ya29.x"}),
        (without("GEMINI_OAUTH_TOKEN"), {"x-goog-api-key": "google-key"}),
        (without("GEMINI_OAUTH_TOKEN", "GOOGLE_API_KEY"), {"x-goog-api-key": "gemini-key"}),
        ({"GEMINI_API_KEY": "auth_tokens/x"}, {"Authorization": "Token auth_tokens/x"}),
        (
            EVERYTHING | {"GOOGLE_CLOUD_QUOTA_PROJECT": "p2"},
            {"Authorization": "Bearer ya29.x", "x-goog-user-project": "p2"},
        ),
    ],
)
async def test_the_order_of_the_variables(
    environ: dict[str, str], headers: dict[str, str], tmp_path: Path
) -> None:
    assert await auth_from_environment(environ, tmp_path, DEVELOPER).headers() == headers


async def test_a_key_beside_the_token_for_those_who_want_both(tmp_path: Path) -> None:
    auth = auth_from_environment(EVERYTHING, tmp_path, DEVELOPER, key_beside_token=True)
    assert await auth.headers() == {
        "Authorization": "Bearer ya29.x",
        "x-goog-api-key": "google-key",
    }


@pytest.mark.parametrize(
    ("endpoint", "keys", "scopes"),
    [
        (DEVELOPER, {}, DEVELOPER_SCOPES),
        (VERTEX, without("GEMINI_OAUTH_TOKEN"), VERTEX_SCOPES),
    ],
)
async def test_application_default_credentials_come_last_with_the_endpoints_scopes(
    server: TokenServer,
    tmp_path: Path,
    endpoint: Endpoint,
    keys: dict[str, str],
    scopes: tuple[str, ...],
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key_file(server.uri)))
    environ = keys | {
        "GOOGLE_APPLICATION_CREDENTIALS": str(path),
        "GOOGLE_CLOUD_QUOTA_PROJECT": "p2",
    }
    headers = await auth_from_environment(environ, tmp_path, endpoint).headers()
    assert headers == {"Authorization": "Bearer ya29.token-1", "x-goog-user-project": "p2"}
    assertion = server.forms[0]["assertion"]
    claims = jwt.decode(assertion, certs=PUBLIC_PEM)  # type: ignore[no-untyped-call]
    assert claims["scope"] == " ".join(scopes)


@pytest.mark.parametrize(
    ("endpoint", "environ", "variable"),
    [
        (DEVELOPER, {}, "GEMINI_API_KEY"),
        (VERTEX, without("GEMINI_OAUTH_TOKEN"), "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_where_nothing_is_set_the_error_says_what_to_set(
    endpoint: Endpoint, environ: dict[str, str], variable: str, tmp_path: Path
) -> None:
    with pytest.raises(CredentialError) as caught:
        auth_from_environment(environ, tmp_path, endpoint)
    assert caught.value.code == "credentials_missing"
    assert variable in caught.value.fix
    assert "GEMINI_OAUTH_TOKEN" in caught.value.fix


def test_what_is_set_and_wrong_is_not_passed_over(tmp_path: Path) -> None:
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "nowhere")}
    with pytest.raises(CredentialError) as caught:
        auth_from_environment(environ, tmp_path, DEVELOPER)
    assert caught.value.code == "credentials_file_missing"
    with pytest.raises(CredentialError) as caught:
        auth_from_environment({"GEMINI_API_KEY": "a b"}, tmp_path, DEVELOPER)
    assert caught.value.code == "secret_malformed"
