from urllib.parse import urlencode

import pytest

from live.simulator.grants import CLOUD_SCOPES, GrantRefused
from live.simulator.iam import ServiceAccounts
from live.simulator.oauth import TOKEN_LIFE_S, TokenEndpoint
from live.simulator.sign_in import USER
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


def test_a_deleted_keys_tokens_stay_valid(
    endpoint: TokenEndpoint, accounts: ServiceAccounts, clock: Clock, service_account: Info
) -> None:
    answer = endpoint.grant(grant_form(assertion(service_account, clock)))
    accounts.delete_key("-", service_account["client_email"], service_account["private_key_id"])
    assert endpoint.token(answer["access_token"]) is not None


def test_a_user_gets_tokens_with_their_scopes(endpoint: TokenEndpoint) -> None:
    client = endpoint.sign_ins.new_client()
    refresh_token = endpoint.sign_ins.new_refresh_token(client, CLOUD_SCOPES)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }
    answer = endpoint.grant(urlencode(form).encode())
    assert set(answer["scope"].split()) == CLOUD_SCOPES
    assert "refresh_token" not in answer
    token = endpoint.token(answer["access_token"])
    assert token is not None
    assert token.email == USER


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"grant_type=password&username=x", "unsupported_grant_type"),
        (b"", "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=x", "invalid_request"),
        (b"grant_type=authorization_code&client_id=x&code=y", "invalid_client"),
        (b"\xff=\xfe", "invalid_request"),
    ],
)
def test_what_is_no_grant(endpoint: TokenEndpoint, body: bytes, error: str) -> None:
    with pytest.raises(GrantRefused) as caught:
        endpoint.grant(body)
    assert caught.value.error == error
