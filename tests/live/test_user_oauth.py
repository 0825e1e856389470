import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from live.authorized_user import AuthorizedUser
from live.errors import CredentialError
from live.user_oauth import GOOGLE_AUTH_URI, Authorization, OAuthClient, is_answer
from tests.live.token_server import GOOGLE

CLIENT = OAuthClient("client-1", "GOCSPX-made-up")
SCOPES = ("https://scope.example/a", "https://scope.example/b")
BACK = "http://127.0.0.1:12345/"


@pytest.fixture
def begun() -> Authorization:
    return Authorization.begin(CLIENT, BACK, SCOPES)


def code_of(error: pytest.ExceptionInfo[CredentialError]) -> str:
    assert "made-up" not in str(error.value)
    return error.value.code


# -- The client ------------------------------------------------------------------------------------


def test_a_client_is_read_from_the_consoles_file() -> None:
    installed = {"client_id": "client-1", "client_secret": "GOCSPX-made-up", "project_id": "p1"}
    assert OAuthClient.from_info({"installed": installed}) == CLIENT
    uris = {"auth_uri": "http://localhost/auth", "token_uri": "http://localhost/token"}
    read = OAuthClient.from_info(json.loads(json.dumps({"installed": installed | uris})))
    assert (read.auth_uri, read.token_uri) == (uris["auth_uri"], uris["token_uri"])


GOOD = {"client_id": "x", "client_secret": "y"}
BAD_CLIENTS: list[tuple[dict[str, Any], str]] = [
    ({}, "desktop apps"),
    ({"web": {"client_id": "x", "client_secret": "made-up"}}, "desktop apps"),
    ({"installed": "made-up"}, "desktop apps"),
    ({"installed": {"client_id": "x"}}, "client_secret"),
    (
        {"installed": {"client_id": "x", "client_secret": "y", "token_uri": "http://x/"}},
        "token_uri",
    ),
    ({"installed": {"client_id": "x", "client_secret": "y", "auth_uri": None}}, "auth_uri"),
]


@pytest.mark.parametrize(("info", "named"), BAD_CLIENTS)
def test_a_client_of_another_type_says_what_is_wrong(info: dict[str, Any], named: str) -> None:
    with pytest.raises(CredentialError, match=named) as caught:
        OAuthClient.from_info(info)
    assert code_of(caught) in {"oauth_client_malformed", "credentials_file_invalid"}


# -- The address -----------------------------------------------------------------------------------


def test_the_address_asks_for_a_code_that_only_we_can_use(begun: Authorization) -> None:
    base, _, query = begun.url.partition("?")
    assert base == GOOGLE_AUTH_URI
    asked = {name: value for name, (value,) in parse_qs(query, strict_parsing=True).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest())
    assert asked == {
        "client_id": "client-1",
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": begun.state,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
    }
    assert begun.verifier not in begun.url
    assert "GOCSPX" not in begun.url


def test_the_challenge_is_the_one_of_rfc_7636_appendix_b() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    url = Authorization(CLIENT, BACK, SCOPES, "s", verifier).url
    assert "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&" in url


def test_every_try_has_a_state_and_a_verifier_of_its_own() -> None:
    tries = [Authorization.begin(CLIENT, BACK, SCOPES) for _ in range(50)]
    assert len({begun.state for begun in tries} | {begun.verifier for begun in tries}) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", begun.verifier) for begun in tries)


def test_an_address_of_the_server_may_have_a_query_already() -> None:
    client = OAuthClient("c", "s", auth_uri="https://login.example/auth?tenant=1")
    url = Authorization.begin(client, BACK, SCOPES).url
    assert parse_qs(urlsplit(url).query)["tenant"] == ["1"]
    assert url.count("?") == 1


def test_objects_do_not_show_their_secrets(begun: Authorization) -> None:
    for secret in (begun.state, begun.verifier, "made-up"):
        assert secret not in repr(begun)


# -- The answer ------------------------------------------------------------------------------------


def answer(**query: str) -> str:
    return f"{BACK}?{urlencode(query)}"


def test_the_code_of_the_right_answer(begun: Authorization) -> None:
    right = answer(state=begun.state, code="4/x y", scope="z")
    assert begun.code_of(right) == "4/x y"
    assert begun.code_of(right.removeprefix("http://127.0.0.1:12345")) == "4/x y"
    assert begun.code_of(f"  {right}\n") == "4/x y"


@pytest.mark.parametrize("state", ["", "x", "é", "\udcff"])
@pytest.mark.parametrize("rest", [{"code": "made-up"}, {"error": "access_denied"}])
def test_an_answer_with_another_state_is_not_ours(
    begun: Authorization, state: str, rest: dict[str, str]
) -> None:
    query = f"state={quote(state, errors='surrogateescape')}&{urlencode(rest)}"
    for target in (f"{BACK}?{query}", f"{BACK}?state={state}&{urlencode(rest)}", answer(**rest)):
        with pytest.raises(CredentialError) as caught:
            begun.code_of(target)
        assert code_of(caught) == "state_mismatch"


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ({"error": "access_denied"}, "sign_in_denied", ""),
        ({"error": "access_denied", "code": "made-up"}, "sign_in_denied", ""),
        ({"error": "admin_policy_enforced"}, "sign_in_refused", "admin_policy_enforced"),
        ({"error": "<script>made-up"}, "sign_in_refused", ""),
        ({}, "sign_in_refused", ""),
        ({"code": ""}, "sign_in_refused", ""),
    ],
)
def test_an_answer_without_a_code(
    begun: Authorization, query: dict[str, str], code: str, reason: str
) -> None:
    with pytest.raises(CredentialError) as caught:
        begun.code_of(answer(state=begun.state, **query))
    assert code_of(caught) == code
    assert caught.value.reason == reason


@pytest.mark.parametrize("text", ["", "http://[", "?" + "a=1&" * 100, "made-up"])
def test_what_is_no_answer_at_all(begun: Authorization, text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        begun.code_of(text)
    assert code_of(caught) == "state_mismatch"
    assert not is_answer(text)


def test_an_answer_is_told_from_what_browsers_ask_by_themselves() -> None:
    assert is_answer("/?code=x")
    assert is_answer("/?error=x&state=y")
    assert not is_answer("/favicon.ico")
    assert not is_answer("/?state=y")


# -- The exchange ----------------------------------------------------------------------------------


def test_the_form_of_the_exchange_proves_who_began(begun: Authorization) -> None:
    assert begun.exchange_form("4/x") == {
        "grant_type": "authorization_code",
        "code": "4/x",
        "redirect_uri": BACK,
        "client_id": "client-1",
        "client_secret": "GOCSPX-made-up",
        "code_verifier": begun.verifier,
    }


@pytest.mark.parametrize("granted", [{}, {"scope": " ".join((*reversed(SCOPES), "openid"))}])
def test_the_user_of_a_full_answer(begun: Authorization, granted: dict[str, str]) -> None:
    user = begun.user_of({"access_token": "ya29.x", "refresh_token": "1//x", **granted})
    assert user == AuthorizedUser("client-1", "GOCSPX-made-up", "1//x", GOOGLE)


@pytest.mark.parametrize(
    ("got", "code"),
    [
        ({"refresh_token": "made-up", "scope": SCOPES[0]}, "scope_not_granted"),
        ({"refresh_token": "made-up", "scope": ""}, "scope_not_granted"),
        ({"access_token": "made-up"}, "refresh_token_missing"),
        ({"refresh_token": ""}, "refresh_token_missing"),
        ({"refresh_token": 7}, "refresh_token_missing"),
    ],
)
def test_an_answer_that_does_not_do(begun: Authorization, got: dict[str, Any], code: str) -> None:
    with pytest.raises(CredentialError) as caught:
        begun.user_of(got)
    assert code_of(caught) == code
