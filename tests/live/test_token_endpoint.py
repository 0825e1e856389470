import traceback
from collections.abc import Iterator

import google.auth.transport
import pytest
from google.auth.exceptions import TransportError

from live.errors import CredentialError
from live.token_endpoint import TokenEndpoint, lifetime_of, may_be_asked, request_token
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


FORM = {"refresh_token": "1//secret", "grant_type": "refresh_token"}


def test_a_users_grant_is_one_form(server: TokenServer) -> None:
    assert request_token(server.uri, FORM)["access_token"] == "ya29.token-1"
    assert server.forms == [FORM]


REFUSED: list[tuple[int, object, str, bool]] = [
    (400, {"error": "invalid_grant"}, "sign_in_again", True),
    (401, {"error": "invalid_client"}, "client_refused", True),
    (500, b"<html>", "token_endpoint_unavailable", False),
    (429, {"error": "invalid_grant"}, "token_endpoint_unavailable", False),
    (400, {"error": "temporarily_unavailable"}, "token_endpoint_unavailable", False),
    (302, b"", "token_answer_malformed", True),
    (200, b"no json", "token_answer_malformed", True),
    (200, b"[]", "token_answer_malformed", True),
    (200, b"[" * 50_000, "token_answer_malformed", True),
    (400, {"error": 7}, "token_answer_malformed", True),
]


@pytest.mark.parametrize(("status", "answer", "code", "permanent"), REFUSED)
def test_a_users_grant_that_fails_is_typed_and_shows_nothing(
    server: TokenServer, status: int, answer: object, code: str, permanent: bool
) -> None:
    server.status, server.answer = status, answer
    with pytest.raises(CredentialError) as caught:
        request_token(server.uri, FORM)
    assert caught.value.code == code
    assert caught.value.permanent is permanent
    assert "1//" not in "".join(traceback.format_exception(caught.value))


def test_a_users_grant_with_nobody_at_home() -> None:
    with token_endpoint() as stopped:
        uri = stopped.uri
    with pytest.raises(CredentialError) as caught:
        request_token(uri, FORM)
    assert caught.value.code == "token_endpoint_unreachable"


@pytest.mark.parametrize(
    ("stated", "lifetime"), [(60, 60.0), ("60", 60.0), (10**9, 3600.0), (0.5, 0.5)]
)
def test_the_lifetime_of_a_token(stated: object, lifetime: float) -> None:
    assert lifetime_of({"expires_in": stated}) == lifetime


def test_a_token_without_a_lifetime_has_googles() -> None:
    assert lifetime_of({}) == 3600.0


@pytest.mark.parametrize("stated", ["soon", None, [], 0, -1, 10**400, "nan", "inf"])
def test_a_lifetime_that_is_none(stated: object) -> None:
    with pytest.raises(CredentialError):
        lifetime_of({"expires_in": stated})


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("https://oauth2.googleapis.com/token", True),
        ("http://127.0.0.1:8080/token", True),
        ("http://[::1]/token", True),
        ("http://localhost/token", True),
        ("http://169.254.169.254/token", False),
        ("http://oauth2.googleapis.com/token", False),
        ("https://user:secret@oauth2.googleapis.com/token", False),
        ("https:///token", False),
        ("https://[/token", False),
        ("ftp://localhost/token", False),
        ("", False),
    ],
)
def test_a_secret_goes_over_tls_or_stays_on_the_machine(uri: str, fits: bool) -> None:
    assert may_be_asked(uri) is fits


def test_an_allow_list_of_addresses_holds() -> None:
    allowed = {"https://oauth2.googleapis.com/token"}
    assert may_be_asked("https://oauth2.googleapis.com/token", allowed)
    assert not may_be_asked("https://elsewhere.example/token", allowed)
