from typing import Any
from urllib.parse import parse_qs

import pytest

from live.simulator.assertions import Assertions
from live.simulator.grants import Grant, GrantRefused
from live.simulator.iam import ServiceAccounts
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
def assertions(clock: Clock, accounts: ServiceAccounts) -> Assertions:
    return Assertions(clock, accounts)


def exchanged(assertions: Assertions, jwt_text: str) -> Grant:
    form = {name: values[0] for name, values in parse_qs(grant_form(jwt_text).decode()).items()}
    return assertions.exchange(form)


def refused(assertions: Assertions, jwt_text: str) -> tuple[str, str]:
    with pytest.raises(GrantRefused) as caught:
        exchanged(assertions, jwt_text)
    assert caught.value.status == 400
    return caught.value.error, caught.value.description


def test_a_signed_jwt_is_good_for_what_it_asks(
    assertions: Assertions, clock: Clock, service_account: Info
) -> None:
    granted = exchanged(assertions, assertion(service_account, clock))
    assert granted == Grant(service_account["client_email"], frozenset(SCOPES.split()))


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
    assertions: Assertions,
    clock: Clock,
    service_account: Info,
    changed: dict[str, Any],
    error: str,
    words: str,
) -> None:
    found, description = refused(assertions, assertion(service_account, clock, **changed))
    assert found == error
    assert words in description


def test_an_unknown_account_and_keys_of_a_known_one(
    clock: Clock, accounts: ServiceAccounts, assertions: Assertions, service_account: Info
) -> None:
    stranger = {**service_account, "client_email": "nobody@example.com"}
    assert refused(assertions, assertion(stranger, clock))[1].endswith("account not found")
    other = accounts.create("tests", "http://127.0.0.1/token")
    for key_id in (other["private_key_id"], "unknown"):
        forged = {**service_account, "private_key_id": key_id}
        assert refused(assertions, assertion(forged, clock))[1] == "Invalid JWT Signature."


def test_a_disabled_key_is_refused_and_an_enabled_one_is_not(
    clock: Clock, accounts: ServiceAccounts, assertions: Assertions, service_account: Info
) -> None:
    place = "-", service_account["client_email"], service_account["private_key_id"]
    accounts.disable_key(*place, disabled=True)
    error = "invalid_grant", "Invalid JWT Signature."
    assert refused(assertions, assertion(service_account, clock)) == error
    accounts.disable_key(*place, disabled=False)
    assert exchanged(assertions, assertion(service_account, clock)).scopes
    accounts.delete_key(*place)
    assert refused(assertions, assertion(service_account, clock)) == error


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.e30.", "W10.e30.AA", "é.é.é"])
def test_what_is_no_jwt_is_refused(assertions: Assertions, text: str) -> None:
    assert refused(assertions, text)[0] == "invalid_grant"
