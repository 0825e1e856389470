from typing import Any

import pytest

from live.simulator.iam import ServiceAccounts
from live.simulator.oauth import TOKEN_LIFE_S, GrantRefused, TokenEndpoint
from tests.live.simulator.clock import SCOPES, Clock, assertion, grant_form

Info = dict[str, str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(clock: Clock, service_account: Info) -> ServiceAccounts:
    made = ServiceAccounts(clock)
    made.trust(service_account)
    return made


@pytest.fixture
def endpoint(clock: Clock, accounts: ServiceAccounts) -> TokenEndpoint:
    return TokenEndpoint(clock, accounts)


def refused(endpoint: TokenEndpoint, jwt_text: str) -> tuple[str, str]:
    with pytest.raises(GrantRefused) as caught:
        endpoint.grant(grant_form(jwt_text))
    return caught.value.error, caught.value.description


def test_a_signed_jwt_gets_a_token(
    endpoint: TokenEndpoint, clock: Clock, service_account: Info
) -> None:
    answer = endpoint.grant(grant_form(assertion(service_account, clock)))
    assert (answer["expires_in"], answer["token_type"]) == (TOKEN_LIFE_S, "Bearer")
    token = endpoint.token(answer["access_token"])
    assert token is not None
    assert token.email == service_account["client_email"]
    assert token.scopes == frozenset(SCOPES.split())


def test_tokens_expire_and_can_be_revoked(
    endpoint: TokenEndpoint, clock: Clock, service_account: Info
) -> None:
    first, second = (
        endpoint.grant(grant_form(assertion(service_account, clock)))["access_token"]
        for _ in range(2)
    )
    assert first != second
    clock.now += TOKEN_LIFE_S + 1
    assert endpoint.token(first) is None
    clock.now -= TOKEN_LIFE_S
    assert endpoint.token(second) is not None
    endpoint.revoke_tokens()
    assert endpoint.token(second) is None
    assert endpoint.token("ya29.other") is None


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"aud": "http://127.0.0.1/token"}, "invalid_grant", "audience"),
        ({"aud": None}, "invalid_grant", "audience"),
        ({"iss": "nobody@example.com"}, "invalid_grant", "account not found"),
        ({"scope": ""}, "invalid_scope", "scope"),
        ({"scope": "openid nonsense"}, "invalid_scope", "scope"),
        ({"exp": None}, "invalid_grant", "iat and exp"),
        ({"iat": "now"}, "invalid_grant", "iat and exp"),
        ({"exp": 1_800_007_201}, "invalid_grant", "iat and exp"),
        ({"iat": 1_800_000_120, "exp": 1_800_001_000}, "invalid_grant", "iat and exp"),
        ({"iat": 1_799_990_000, "exp": 1_799_993_600}, "invalid_grant", "iat and exp"),
    ],
)
def test_wrong_claims_are_refused(
    endpoint: TokenEndpoint,
    clock: Clock,
    service_account: Info,
    changed: dict[str, Any],
    error: str,
    words: str,
) -> None:
    found, description = refused(endpoint, assertion(service_account, clock, **changed))
    assert found == error
    assert words in description


def test_an_unknown_account_and_keys_of_a_known_one(
    clock: Clock, accounts: ServiceAccounts, endpoint: TokenEndpoint, service_account: Info
) -> None:
    stranger = {**service_account, "client_email": "nobody@example.com"}
    assert refused(endpoint, assertion(stranger, clock))[1].endswith("account not found")
    other = accounts.create("tests", "http://127.0.0.1/token")
    for key_id in (other["private_key_id"], "unknown"):
        forged = {**service_account, "private_key_id": key_id}
        assert refused(endpoint, assertion(forged, clock))[1] == "Invalid JWT Signature."


def test_a_disabled_key_is_refused_and_an_enabled_one_is_not(
    clock: Clock, accounts: ServiceAccounts, endpoint: TokenEndpoint, service_account: Info
) -> None:
    place = "-", service_account["client_email"], service_account["private_key_id"]
    accounts.disable_key(*place, disabled=True)
    error = "invalid_grant", "Invalid JWT Signature."
    assert refused(endpoint, assertion(service_account, clock)) == error
    accounts.disable_key(*place, disabled=False)
    answer = endpoint.grant(grant_form(assertion(service_account, clock)))
    accounts.delete_key(*place)
    assert refused(endpoint, assertion(service_account, clock)) == error
    assert endpoint.token(answer["access_token"]) is not None


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.e30.", "W10.e30.AA", "é.é.é"])
def test_what_is_no_jwt_is_refused(endpoint: TokenEndpoint, text: str) -> None:
    assert refused(endpoint, text)[0] == "invalid_grant"


def test_other_grant_types_are_refused(endpoint: TokenEndpoint) -> None:
    with pytest.raises(GrantRefused) as caught:
        endpoint.grant(b"grant_type=refresh_token&refresh_token=x")
    assert caught.value.error == "unsupported_grant_type"
