import json

import pytest

from live.simulator.front import HttpRequest
from live.simulator.oauth import TokenEndpoint
from live.simulator.rest import Rest
from tests.live.simulator.clock import Clock, assertion, grant_form


@pytest.fixture
def rest(service_account: dict[str, str]) -> Rest:
    endpoint = TokenEndpoint(Clock())
    endpoint.trust(service_account)
    return Rest(endpoint)


@pytest.mark.parametrize("target", ["/token", "//token?x=y"])
def test_a_grant(rest: Rest, service_account: dict[str, str], target: str) -> None:
    body = grant_form(assertion(service_account, Clock()))
    response = rest.answer(HttpRequest("POST", target, body))
    assert response.status == 200
    assert json.loads(response.body)["access_token"].startswith("ya29.")


def test_a_refused_grant(rest: Rest) -> None:
    response = rest.answer(HttpRequest("POST", "/token", b"grant_type=password"))
    assert response.status == 400
    assert json.loads(response.body) == {
        "error": "unsupported_grant_type",
        "error_description": "Invalid grant_type.",
    }


@pytest.mark.parametrize(
    ("method", "target", "status"), [("PUT", "/token", 405), ("POST", "/v1/models", 404)]
)
def test_what_is_not_there(rest: Rest, method: str, target: str, status: int) -> None:
    response = rest.answer(HttpRequest(method, target, b""))
    assert response.status == status
    assert json.loads(response.body)["error"]["code"] == status
