import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.cast import Cast
from tests.conversations.api import probe
from tests.conversations.api.probe import ADDRESS, made
from tests.conversations.talks import with_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls(probe.__name__)]


@pytest.fixture
def acme(cast: Cast) -> Client:
    made.clear()
    return with_key(cast.acme.api_key)


def test_a_body_has_a_bound(acme: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    long = acme.post(ADDRESS, {"text": "x" * 100}, "application/json")
    assert (long.status_code, long.json()["code"]) == (413, "body-too-large")
    assert long["X-Request-Id"] == long.json()["request_id"]
    assert acme.post(ADDRESS, {"text": "x" * 50}, "application/json").status_code == 201
    assert made == [{"text": "x" * 50}]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "parse-error"),
        (b"\xff", "application/json", 400, "parse-error"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    ],
)
def test_what_is_no_json_is_said(
    acme: Client, body: bytes, kind: str, status: int, code: str
) -> None:
    answer = acme.post(ADDRESS, body, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
