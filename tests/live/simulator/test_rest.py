import json
from typing import Any

import pytest
from websockets.datastructures import Headers

from live.simulator.auth_tokens import AuthTokens
from live.simulator.credentials import Credentials
from live.simulator.front import HttpRequest, HttpResponse
from live.simulator.iam import ServiceAccounts
from live.simulator.oauth import TokenEndpoint
from live.simulator.rest import Rest
from tests.live.simulator.clock import Clock, assertion, grant_form

Info = dict[str, str]
KEY = {"x-goog-api-key": "right"}


@pytest.fixture
def rest(service_account: Info) -> Rest:
    accounts, ephemeral = ServiceAccounts(Clock()), AuthTokens(Clock())
    accounts.trust(service_account)
    oauth = TokenEndpoint(Clock(), accounts)
    return Rest(Credentials(["right"], oauth, ephemeral), oauth, ephemeral, accounts)


@pytest.fixture
async def bearer(rest: Rest, service_account: Info) -> dict[str, str]:
    body = grant_form(assertion(service_account, Clock()))
    answer = await rest.answer(HttpRequest("POST", "/token", body))
    return {"Authorization": "Bearer " + json.loads(answer.body)["access_token"]}


async def ask(
    rest: Rest, method: str, target: str, headers: dict[str, str], body: Any = None
) -> tuple[int, dict[str, Any]]:
    raw = b"" if body is None else json.dumps(body).encode()
    response = await rest.answer(HttpRequest(method, target, raw, Headers(headers)))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("target", ["/token", "//token?x=y"])
async def test_a_grant(rest: Rest, service_account: Info, target: str) -> None:
    body = grant_form(assertion(service_account, Clock()))
    response = await rest.answer(HttpRequest("POST", target, body))
    assert response.status == 200
    assert json.loads(response.body)["access_token"].startswith("ya29.")


async def test_a_refused_grant(rest: Rest) -> None:
    response = await rest.answer(HttpRequest("POST", "/token", b"grant_type=password"))
    assert response == HttpResponse(400, response.body)
    assert json.loads(response.body) == {
        "error": "unsupported_grant_type",
        "error_description": "Invalid grant_type.",
    }


async def test_minting(rest: Rest) -> None:
    for version in ("v1", "v1beta", "v1alpha"):
        status, answer = await ask(rest, "POST", f"/{version}/auth_tokens", KEY)
        assert status == 200
        assert list(answer) == ["name"]
        assert answer["name"].startswith("auth_tokens/")


@pytest.mark.parametrize(
    ("headers", "body", "status", "reason"),
    [
        ({"x-goog-api-key": "wrong"}, None, 400, "API_KEY_INVALID"),
        ({}, None, 403, None),
        ({"Authorization": "Bearer ya29.no"}, None, 401, None),
        (KEY, {"uses": -1}, 400, None),
        (KEY, {"colour": 1}, 400, None),
    ],
)
async def test_minting_refused(
    rest: Rest, headers: dict[str, str], body: Any, status: int, reason: str | None
) -> None:
    found, answer = await ask(rest, "POST", "/v1alpha/auth_tokens", headers, body)
    assert found == answer["error"]["code"] == status
    details = answer["error"].get("details", [{}])
    assert details[0].get("reason") == reason


async def test_a_keys_life(rest: Rest, service_account: Info, bearer: dict[str, str]) -> None:
    keys = f"/v1/projects/-/serviceAccounts/{service_account['client_email']}/keys"
    status, made = await ask(rest, "POST", keys, bearer, {})
    assert status == 200
    place = f"/v1/{made['name']}"
    assert (await ask(rest, "POST", f"{place}:disable", bearer, {})) == (200, {})
    assert (await ask(rest, "GET", place, bearer))[1]["disabled"] is True
    assert (await ask(rest, "POST", f"{place}:enable", bearer, {})) == (200, {})
    assert (await ask(rest, "DELETE", place, bearer)) == (200, {})
    _status, listed = await ask(rest, "GET", f"{keys}?keyTypes=USER_MANAGED", bearer)
    assert len(listed["keys"]) == 1
    assert (await ask(rest, "GET", f"{keys}?keyTypes=SYSTEM_MANAGED", bearer)) == (200, {})
    assert (await ask(rest, "DELETE", place, bearer))[0] == 404
    assert (await ask(rest, "PUT", place, bearer))[0] == 405
    assert (await ask(rest, "GET", keys, KEY))[0] == 401


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("PUT", "/token", 405), ("GET", "/v1/auth_tokens", 405), ("POST", "/v1/nothing", 404)],
)
async def test_what_is_not_there(rest: Rest, method: str, target: str, status: int) -> None:
    found, answer = await ask(rest, method, target, {})
    assert found == status
    assert answer["error"]["code"] == status


async def test_the_models_list(rest: Rest, bearer: dict[str, str]) -> None:
    status, page = await ask(rest, "GET", "/v1beta/models?pageSize=2", KEY)
    assert status == 200
    assert len(page["models"]) == 2
    rest_of_them = f"/v1beta/models?pageToken={page['nextPageToken']}&key=right"
    assert (await ask(rest, "GET", rest_of_them, {}))[1].keys() == {"models"}
    status, model = await ask(rest, "GET", "/v1/models/gemini-3.8-live", bearer)
    assert (status, model["name"]) == (200, "models/gemini-3.8-live")


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "name"),
    [
        ("GET", "/v1/models", {}, 403, "PERMISSION_DENIED"),
        ("GET", "/v1/models?key=wrong", {}, 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/models", {"Authorization": "Bearer ya29.no"}, 401, "UNAUTHENTICATED"),
        ("GET", "/v1/models/gpt", KEY, 404, "NOT_FOUND"),
        ("POST", "/v1/models", KEY, 405, "INVALID_ARGUMENT"),
    ],
)
async def test_models_refused(
    rest: Rest, method: str, target: str, headers: dict[str, str], status: int, name: str
) -> None:
    found, answer = await ask(rest, method, target, headers)
    assert found == answer["error"]["code"] == status
    assert answer["error"]["status"] == name


async def test_signing_in_sends_the_browser_back(rest: Rest) -> None:
    target = "/o/oauth2/v2/auth?client_id=nobody&redirect_uri=http://127.0.0.1:1/"
    status, answer = await ask(rest, "GET", target, {})
    assert (status, answer["error"]) == (401, "invalid_client")
    assert (await ask(rest, "POST", target, {}))[0] == 405


async def test_an_upload_is_a_post(
    rest: Rest, service_account: Info, bearer: dict[str, str]
) -> None:
    target = f"/v1/projects/-/serviceAccounts/{service_account['client_email']}/keys:upload"
    assert (await ask(rest, "POST", target, bearer, {"publicKeyData": "AA=="}))[0] == 400
    assert (await ask(rest, "GET", target, bearer))[0] == 405
