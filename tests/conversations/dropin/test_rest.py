"""The models list in Google's shape, as the official SDKs and plain requests see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from tests.cast import Cast
from tests.conversations.talks import HANDLER, make_agent, signed_in


@pytest.fixture
def key(cast: Cast) -> str:
    make_agent(cast.acme.tenant, "shop")
    return create_api_key(cast.acme.tenant, "talker", ["talk"])[1]


def get(path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    client = Client(headers=headers)
    client.handler = HANDLER
    answer = client.get(path)
    return answer.status_code, answer.json()


def test_the_list_has_the_agents_and_what_they_talk_with(cast: Cast, key: str) -> None:
    make_agent(cast.globex.tenant, "theirs")
    status, body = get(f"/v1beta/models?key={key}")
    assert status == 200
    assert [model["name"] for model in body["models"]] == ["models/shop", "models/gemini-3.8-live"]
    assert body["models"][0]["supportedGenerationMethods"] == ["bidiGenerateContent"]


def test_the_list_comes_in_pages(key: str) -> None:
    _, first = get(f"/v1/models?pageSize=1&key={key}")
    _, second = get(f"/v1/models?pageSize=1&pageToken={first['nextPageToken']}&key={key}")
    assert [len(first["models"]), len(second["models"])] == [1, 1]
    assert "nextPageToken" not in second
    for wrong in ("pageToken=x", "pageSize=-1", "pageSize=x", "pageToken=%00"):
        assert get(f"/v1/models?{wrong}&key={key}")[0] == 400


def test_one_model(key: str) -> None:
    assert get("/v1/models/shop", **{"x-goog-api-key": key})[1]["name"] == "models/shop"
    status, body = get("/v1/models/other", **{"x-goog-api-key": key})
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")


def test_errors_have_googles_shape(cast: Cast) -> None:
    status, body = get("/v1/models?key=wrong")
    assert (status, body["error"]["code"], body["error"]["status"]) == (
        400,
        400,
        "INVALID_ARGUMENT",
    )
    assert body["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert get("/v1/models")[0] == 403
    assert get("/v1/models", Authorization="Bearer wrong")[0] == 401


def test_a_cookie_is_nothing_and_harms_nothing(cast: Cast, key: str) -> None:
    """The browser is at home in one tenant, the key in another."""
    browser = signed_in(cast.globex.owner)
    assert browser.get("/v1/models").status_code == 403
    assert browser.get(f"/v1/models?key={key}").status_code == 200
