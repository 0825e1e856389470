import pytest

from live.simulator.auth_tokens import AuthTokens
from live.simulator.closes import Refusal
from live.simulator.credentials import Credentials
from live.simulator.iam import ServiceAccounts
from live.simulator.oauth import TokenEndpoint
from live.simulator.paths import Service
from live.simulator.rest_errors import RestError
from tests.live.simulator.clock import Clock, assertion, grant_form

DEVELOPER = Service("v1beta")
CONSTRAINED = Service("v1alpha", constrained=True)
VERTEX = Service("v1", vertex=True)
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
LANGUAGE = "https://www.googleapis.com/auth/generative-language.retriever"
KEYS = ["right", "second"]


@pytest.fixture
def tokens(service_account: dict[str, str]) -> TokenEndpoint:
    accounts = ServiceAccounts(Clock())
    accounts.trust(service_account)
    return TokenEndpoint(Clock(), accounts)


def checking(tokens: TokenEndpoint) -> Credentials:
    return Credentials(KEYS, tokens, AuthTokens(Clock()))


def bearer(tokens: TokenEndpoint, info: dict[str, str], scope: str) -> str:
    form = grant_form(assertion(info, Clock(), scope=scope))
    return str(tokens.grant(form)["access_token"])


def refused(
    tokens: TokenEndpoint, service: Service, target: str, headers: dict[str, str]
) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        checking(tokens).check(service, target, headers)
    return caught.value.code, caught.value.reason


@pytest.mark.parametrize("service", [DEVELOPER, VERTEX, CONSTRAINED])
@pytest.mark.parametrize(
    ("target", "headers"),
    [("/?key=right", {}), ("/", {"x-goog-api-key": "second"}), ("/?a=b&key=second", {})],
)
def test_a_key_is_found_in_the_query_or_the_header(
    tokens: TokenEndpoint, service: Service, target: str, headers: dict[str, str]
) -> None:
    checking(tokens).check(service, target, headers)
    assert refused(tokens, service, target.replace("key=", "key=x"), {"x-goog-api-key": "x"}) == (
        1007,
        "API key not valid. Please pass a valid API key.",
    )


def test_a_bearer_is_found_in_the_header_or_the_query_and_beats_a_dummy_key(
    tokens: TokenEndpoint, service_account: dict[str, str]
) -> None:
    token = bearer(tokens, service_account, f"{CLOUD} {LANGUAGE}")
    credentials = checking(tokens)
    headers = {"Authorization": f"Bearer {token}", "x-goog-api-key": "dummy"}
    for service in (DEVELOPER, VERTEX):
        credentials.check(service, "/", headers)
        credentials.check(service, f"/?access_token={token}", {})


def test_each_api_wants_its_scope(tokens: TokenEndpoint, service_account: dict[str, str]) -> None:
    cloud = {"Authorization": "Bearer " + bearer(tokens, service_account, CLOUD)}
    language = {"Authorization": "Bearer " + bearer(tokens, service_account, LANGUAGE)}
    credentials = checking(tokens)
    credentials.check(VERTEX, "/", cloud)
    credentials.check(DEVELOPER, "/", language)
    for service, headers in ((DEVELOPER, cloud), (VERTEX, language)):
        code, reason = refused(tokens, service, "/", headers)
        assert (code, reason) == (1008, "Request had insufficient authentication scopes.")


@pytest.mark.parametrize("service", [DEVELOPER, VERTEX])
@pytest.mark.parametrize(
    ("target", "headers"),
    [("/", {"Authorization": "Bearer ya29.no"}), ("/?access_token=ya29.no", {})],
)
def test_unknown_bearers(
    tokens: TokenEndpoint, service: Service, target: str, headers: dict[str, str]
) -> None:
    code, reason = refused(tokens, service, target, headers)
    assert code == 1008
    assert reason.startswith("Request had invalid authentication credentials.")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", {}),
        ("/?key=", {}),
        ("/?access_token=auth_tokens/t", {}),
        ("/", {"Authorization": "Token auth_tokens/t", "x-goog-api-key": "auth_tokens/t"}),
    ],
)
def test_nobody_and_ephemeral_tokens_on_the_wrong_method(
    tokens: TokenEndpoint, target: str, headers: dict[str, str]
) -> None:
    code, reason = refused(tokens, DEVELOPER, target, headers)
    assert code == 1008
    assert reason.startswith("Method doesn't allow unregistered callers")


def test_unknown_ephemeral_tokens_on_the_right_method(tokens: TokenEndpoint) -> None:
    code, reason = refused(tokens, CONSTRAINED, "/?access_token=auth_tokens/t", {})
    assert (code, reason[:27]) == (1008, "Request had invalid authent")


def test_a_key_that_is_taken_back_stops_working(tokens: TokenEndpoint) -> None:
    keys = ["right"]
    credentials = Credentials(keys, tokens, AuthTokens(Clock()))
    credentials.check(DEVELOPER, "/?key=right", {})
    keys.clear()
    with pytest.raises(Refusal):
        credentials.check(DEVELOPER, "/?key=right", {})


@pytest.mark.parametrize(
    "form",
    [
        ("/?access_token={}", {}),
        ("/?key={}", {}),
        ("/", {"Authorization": "Token {}", "x-goog-api-key": "{}"}),
        ("/", {"Authorization": "Token {}"}),
        ("/", {"x-goog-api-key": "{}"}),
    ],
)
def test_an_ephemeral_token_is_found_in_the_query_or_the_header(
    tokens: TokenEndpoint, form: tuple[str, dict[str, str]]
) -> None:
    ephemeral = AuthTokens(Clock())
    name = ephemeral.create(b"")["name"]
    target = form[0].format(name)
    headers = {key: value.format(name) for key, value in form[1].items()}
    credentials = Credentials(KEYS, tokens, ephemeral)
    assert credentials.check(CONSTRAINED, target, headers) is ephemeral.find(name)
    with pytest.raises(Refusal) as caught:
        credentials.check_minting(target, headers)
    assert caught.value.code == 1008


def test_who_may_mint(tokens: TokenEndpoint, service_account: dict[str, str]) -> None:
    credentials = checking(tokens)
    credentials.check_minting("/v1/auth_tokens?key=right", {})
    credentials.check_minting("/", {"x-goog-api-key": "second"})
    token = bearer(tokens, service_account, LANGUAGE)
    credentials.check_minting("/", {"Authorization": f"Bearer {token}"})
    with pytest.raises(Refusal):
        credentials.check_minting("/", {"x-goog-api-key": "wrong"})


def test_clouds_own_apis_take_bearers_of_their_scope_and_no_keys(
    tokens: TokenEndpoint, service_account: dict[str, str]
) -> None:
    credentials = checking(tokens)
    cloud = {"Authorization": "Bearer " + bearer(tokens, service_account, CLOUD)}
    credentials.check_cloud("/", {**cloud, "x-goog-api-key": "right"})
    with pytest.raises(RestError) as key:
        credentials.check_cloud("/", {"x-goog-api-key": "right"})
    assert (key.value.status, key.value.name) == (401, "UNAUTHENTICATED")
    language = {"Authorization": "Bearer " + bearer(tokens, service_account, LANGUAGE)}
    for headers, start in ((language, "Request had insuff"), ({}, "Request had invalid")):
        with pytest.raises(Refusal) as caught:
            credentials.check_cloud("/", headers)
        assert caught.value.reason.startswith(start)


@pytest.mark.parametrize("key", ["AQ.Ab8RN6", "AQ."])
def test_a_wrong_key_of_the_newer_kind_is_a_wrong_credential(
    tokens: TokenEndpoint, key: str
) -> None:
    with pytest.raises(Refusal) as caught:
        checking(tokens).check(DEVELOPER, "/", {"x-goog-api-key": key})
    assert caught.value.code == 1008
    assert caught.value.reason.startswith("Request had invalid authentication credentials.")
