from django.test import Client, override_settings

from tests.cast import Cast
from tests.conversations.talks import signed_in, with_key

LIST = "/api/v1/conversations/"


def address(request_id: str) -> str:
    return f"/api/v1/requests/{request_id}/"


def test_how_a_request_went(cast: Cast) -> None:
    acme = with_key(cast.acme.api_key)
    refused = acme.get(f"{LIST}?state=asleep").json()
    found = acme.get(address(refused["request_id"])).json()
    assert found.pop("at")
    assert found.pop("duration_ms") >= 0
    assert found.pop("actor").startswith("key:")
    assert found == {
        "id": refused["request_id"],
        "method": "GET",
        "route": "api-conversations",
        "status": 400,
        "code": "invalid-request",
    }


def test_another_tenants_request_is_not_known(cast: Cast, client: Client) -> None:
    made = with_key(cast.acme.api_key).get(LIST)["X-Request-Id"]
    assert with_key(cast.globex.api_key).get(address(made)).status_code == 404
    assert with_key(cast.globex.api_key).get(address("no-such")).status_code == 404
    assert client.get(address(made)).status_code == 401
    assert signed_in(cast.acme.developer).get(address(made)).status_code == 200
    assert signed_in(cast.acme.reviewer).get(address(made)).status_code == 403


def test_the_last_one_of_an_id_counts(cast: Cast) -> None:
    acme = with_key(cast.acme.api_key)
    proxied = {"X-Request-Id": "given"}
    with override_settings(TRUSTED_PROXIES=["127.0.0.1"]):
        acme.get(LIST, headers=proxied)
        acme.get(f"{LIST}?state=asleep", headers=proxied)
    assert acme.get(address("given")).json()["status"] == 400
