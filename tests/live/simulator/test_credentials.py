import pytest

from live.simulator.closes import Refusal
from live.simulator.credentials import Credentials
from live.simulator.oauth import TokenEndpoint
from live.simulator.paths import Service
from tests.live.simulator.clock import Clock, assertion, grant_form

DEVELOPER = Service("v1beta")
CONSTRAINED = Service("v1alpha", constrained=True)
VERTEX = Service("v1", vertex=True)
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
LANGUAGE = "https://www.googleapis.com/auth/generative-language.retriever"
KEYS = ["right", "second"]


@pytest.fixture
def tokens(service_account: dict[str, str]) -> TokenEndpoint:
    endpoint = TokenEndpoint(Clock())
    endpoint.trust(service_account)
    return endpoint


def bearer(tokens: TokenEndpoint, info: dict[str, str], scope: str) -> str:
    form = grant_form(assertion(info, Clock(), scope=scope))
    return str(tokens.grant(form)["access_token"])


def refused(
    tokens: TokenEndpoint, service: Service, target: str, headers: dict[str, str]
) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        Credentials(KEYS, tokens).check(service, target, headers)
    return caught.value.code, caught.value.reason


@pytest.mark.parametrize("service", [DEVELOPER, VERTEX, CONSTRAINED])
@pytest.mark.parametrize(
    ("target", "headers"),
    [("/?key=right", {}), ("/", {"x-goog-api-key": "second"}), ("/?a=b&key=second", {})],
)
def test_a_key_is_found_in_the_query_or_the_header(
    tokens: TokenEndpoint, service: Service, target: str, headers: dict[str, str]
) -> None:
    Credentials(KEYS, tokens).check(service, target, headers)
    assert refused(tokens, service, target.replace("key=", "key=x"), {"x-goog-api-key": "x"}) == (
        1007,
        "API key not valid. Please pass a valid API key.",
    )


def test_a_bearer_is_found_in_the_header_or_the_query_and_beats_a_dummy_key(
    tokens: TokenEndpoint, service_account: dict[str, str]
) -> None:
    token = bearer(tokens, service_account, f"{CLOUD} {LANGUAGE}")
    credentials = Credentials(KEYS, tokens)
    headers = {"Authorization": f"Bearer {token}", "x-goog-api-key": "dummy"}
    for service in (DEVELOPER, VERTEX):
        credentials.check(service, "/", headers)
        credentials.check(service, f"/?access_token={token}", {})


def test_each_api_wants_its_scope(tokens: TokenEndpoint, service_account: dict[str, str]) -> None:
    cloud = {"Authorization": "Bearer " + bearer(tokens, service_account, CLOUD)}
    language = {"Authorization": "Bearer " + bearer(tokens, service_account, LANGUAGE)}
    credentials = Credentials(KEYS, tokens)
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
    credentials = Credentials(keys, tokens)
    credentials.check(DEVELOPER, "/?key=right", {})
    keys.clear()
    with pytest.raises(Refusal):
        credentials.check(DEVELOPER, "/?key=right", {})
