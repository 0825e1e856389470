from collections.abc import Iterator

import google.auth.transport
import pytest
from google.auth.exceptions import RefreshError, TransportError

from live.token_endpoint import TokenEndpoint, grant_error
from tests.live.token_server import TokenServer, token_endpoint


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


def post(uri: str) -> google.auth.transport.Response:
    return TokenEndpoint()(uri, "POST", b"assertion=a.b.c", {"X-Test": "1"})


def test_the_form_arrives_and_the_answer_comes_back(server: TokenServer) -> None:
    answer = post(server.uri)
    assert answer.status == 200
    assert b"ya29.token-1" in answer.data
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert server.forms == [{"assertion": "a.b.c"}]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_with_the_assertion(server: TokenServer, status: int) -> None:
    server.status, server.headers = status, {"Location": server.uri}
    assert post(server.uri).status == status
    assert len(server.forms) == 1


def test_an_endless_answer_is_cut(server: TokenServer) -> None:
    server.answer = b"x" * 100_000
    with pytest.raises(TransportError):
        post(server.uri)


def test_nobody_at_home() -> None:
    with token_endpoint() as stopped:
        uri = stopped.uri
    with pytest.raises(TransportError) as caught:
        post(uri)
    assert caught.value.__cause__ is None


def refresh_error(answer: object, **options: bool) -> RefreshError:
    return RefreshError("said", answer, **options)  # type: ignore[no-untyped-call]


REFUSALS = [
    (
        "invalid_grant",
        "Token must be in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        "clock_skew",
    ),
    ("invalid_grant", "Invalid JWT Signature.", "key_revoked"),
    ("invalid_grant", "Invalid grant: account not found", "account_unknown"),
    ("invalid_scope", "Invalid OAuth scope or ID token audience provided.", "scope_refused"),
    ("unauthorized_client", "Client is unauthorized", "scope_refused"),
    ("invalid_grant", "An appropriate thing is missing", "grant_refused"),
    ("invalid_grant", None, "grant_refused"),
]


@pytest.mark.parametrize(("name", "description", "code"), REFUSALS)
def test_each_refusal_has_its_meaning(name: str, description: str | None, code: str) -> None:
    answer = {"error": name, "error_description": description}
    error = grant_error(refresh_error(answer))
    assert error.code == code
    assert error.reason == name
    assert error.fix in str(error)


@pytest.mark.parametrize("answer", [None, "text", {"token": "ya29.x"}, {"error": {"code": 1}}, []])
def test_an_answer_that_says_nothing(answer: object) -> None:
    error = grant_error(refresh_error(answer))
    assert error.code == "token_answer_malformed"


def test_a_fault_that_passes_is_not_permanent() -> None:
    assert not grant_error(refresh_error({"error": "x"}, retryable=True)).permanent
