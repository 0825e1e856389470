"""What mints tokens at Google's address, and what is refused; the SDKs do it in `test_consumer`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import Tenant
from accounts.tenancy import platform_scope
from conversations.access_tokens import caller_from_access_token
from conversations.models import AccessToken
from tests.cast import Cast
from tests.conversations.talks import HANDLER, make_agent


def minting_key(tenant: Tenant, **restrictions: Any) -> str:
    return create_api_key(tenant, "server", ["tokens"], **restrictions)[1]


Post = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def post(cast: Cast) -> Post:
    key = minting_key(cast.acme.tenant)

    def post(body: object = None, *, key: str = key, version: str = "v1") -> Any:
        browser = Client(headers={"x-goog-api-key": key})
        browser.handler = HANDLER
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        answer = browser.post(f"/{version}/auth_tokens", data=text, content_type="application/json")
        return answer.status_code, answer.json()

    return post


def row_of(name: str) -> AccessToken:
    caller = caller_from_access_token(name)
    assert caller is not None
    assert caller.access_token_id is not None
    with platform_scope("test"):
        row: AccessToken = AccessToken.objects.get(pk=caller.access_token_id)
        return row


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_no_body_is_googles_defaults(post: Post, version: str) -> None:
    status, body = post(version=version)
    assert (status, list(body)) == (200, ["name"])
    row = row_of(body["name"])
    assert (row.uses, row.agent_id, row.setup, row.field_mask) == (1, None, {}, [])


def test_all_that_the_sdks_send(post: Post, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant, "shop")
    soon = datetime.now(UTC) + timedelta(minutes=5)
    sooner = soon - timedelta(minutes=1)
    speech = {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}}
    status, body = post(
        {
            "uses": 2,
            "expireTime": soon.isoformat(),
            "new_session_expire_time": sooner.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
            "bidiGenerateContentSetup": {
                "model": "models/shop",
                "generationConfig": {"speechConfig": speech},
            },
            "fieldMask": "model,generationConfig.speechConfig,tools",
        }
    )
    assert status == 200
    row = row_of(body["name"])
    assert (row.uses, row.agent_id, row.expires_at) == (2, agent.pk, soon)
    assert row.field_mask == ["model", "generationConfig.speechConfig", "tools"]
    assert row.setup["generationConfig"]["speechConfig"] == {
        "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "Invalid JSON payload"),
        ([], "Invalid value at 'auth_token'"),
        ({"uses": "many"}, "Invalid value at 'auth_token'"),
        ({"uses": -1}, "The number of uses is negative"),
        ({"colour": "red"}, 'Unknown name "colour"'),
        ({"expireTime": "soon"}, "'auth_token.expire_time'"),
        ({"expireTime": "2020-01-01T00:00:00Z"}, "20 hours ahead"),
        ({"fieldMask": "colour"}, "Invalid field mask"),
        ({"bidiGenerateContentSetup": {"tools": 7}}, "setup'"),
    ],
)
def test_what_can_be_no_token(post: Post, body: object, words: str) -> None:
    status, answer = post(body)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in answer["error"]["message"]


def test_only_the_tenants_own_agents(post: Post, cast: Cast) -> None:
    make_agent(cast.globex.tenant, "theirs")
    status, answer = post({"bidiGenerateContentSetup": {"model": "models/theirs"}})
    assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")
    mine, other = (make_agent(cast.acme.tenant, slug) for slug in ("mine", "other"))
    only = minting_key(cast.acme.tenant, agents=[mine.pk])
    assert row_of(post(key=only)[1]["name"]).agent_id == mine.pk
    assert post({"bidiGenerateContentSetup": {"model": "models/other"}}, key=only)[0] == 404
    both = minting_key(cast.acme.tenant, agents=[mine.pk, other.pk])
    assert post(key=both)[0] == 400


def test_who_may_not_mint(post: Post, cast: Cast) -> None:
    talker = create_api_key(cast.acme.tenant, "talker", ["talk"])[1]
    assert post(key=talker)[0] == 403
    assert post(key="wrong")[0] == 400
    _, minted = post()
    assert post(key=minted["name"])[0] == 403, "a token makes no tokens"
