"""Errors are problem details with a stable code, whatever raised them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from rest_framework import exceptions, serializers

from config import urls
from conversations.api.codes import CODES
from conversations.api.problems import (
    MEDIA_TYPE,
    InvalidCursor,
    bad_request,
    faults_in,
    not_found,
    problem_handler,
    refused,
)
from tests.cast import Cast
from tests.conversations.talks import with_key


def explode(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("a spoken word")


urlpatterns = [
    *urls.urlpatterns,
    path("api/v1/explode/", explode),
    path("explode/", explode),
]
handler400 = urls.handler400
handler404 = urls.handler404
handler500 = urls.handler500


@pytest.fixture
def exploding() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (Http404("secret detail"), 404, "not-found"),
        (PermissionDenied("secret detail"), 403, "permission-denied"),
        (exceptions.NotAuthenticated(), 401, "not-authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (exceptions.NotAcceptable(), 406, "not-acceptable"),
        (exceptions.ParseError(), 400, "parse-error"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
        (InvalidCursor(), 400, "invalid-cursor"),
    ],
)
def test_each_error_has_its_status_and_code(raised: Exception, status: int, code: str) -> None:
    response = problem_handler(raised, {})
    assert response is not None
    assert (response.status_code, response.content_type) == (status, MEDIA_TYPE)
    assert (response.data["status"], response.data["code"]) == (status, code)
    assert response.data["type"].endswith(f"/api/v1/errors/#{code}")
    assert response.data["title"] == CODES[code].title
    assert "secret" not in response.data["detail"]


def test_says_when_to_come_back_and_how_to_log_in() -> None:
    throttled = problem_handler(exceptions.Throttled(wait=7), {})
    refused = problem_handler(exceptions.NotAuthenticated(), {})
    assert throttled is not None
    assert throttled["Retry-After"] == "7"
    assert refused is not None
    assert refused["WWW-Authenticate"].startswith("Bearer")


def test_leaves_faults_of_ours_to_django() -> None:
    assert problem_handler(ZeroDivisionError(), {}) is None


def test_a_bad_filter_names_its_field(cast: Cast) -> None:
    answer = with_key(cast.acme.api_key).get(
        "/api/v1/conversations/", {"state": "asleep", "agent": "Anna"}
    )
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)
    body = answer.json()
    assert body["code"] == "invalid-request"
    assert {(fault["field"], fault["code"]) for fault in body["errors"]} == {
        ("state", "invalid-choice"),
        ("agent", "invalid"),
    }


def test_faults_are_named_by_their_place_however_deep() -> None:
    class Inner(serializers.Serializer[Any]):
        url = serializers.URLField()

    class Outer(serializers.Serializer[Any]):
        hooks = Inner(many=True)
        names = serializers.ListField(child=serializers.CharField(max_length=3))

        def validate(self, attrs: Any) -> Any:
            raise serializers.ValidationError("The whole is wrong.")

    wrong = Outer(data={"hooks": [{"url": "https://ok.example"}, {"url": "no"}], "names": ["four"]})
    assert not wrong.is_valid()
    found = {(field, fault.code) for field, fault in faults_in(wrong.errors)}
    assert found == {("hooks.1.url", "invalid"), ("names.0", "max_length")}
    whole = Outer(data={"hooks": [], "names": []})
    assert not whole.is_valid()
    assert [field for field, _ in faults_in(whole.errors)] == [""]
    bare = exceptions.ValidationError(["One.", "Two."])
    assert [str(fault) for _, fault in faults_in(bare.detail)] == ["One.", "Two."]


def test_a_middleware_refuses_as_a_view_does() -> None:
    answer = refused(exceptions.Throttled(wait=7))
    assert (answer.status_code, answer["Retry-After"]) == (429, "7")
    assert json.loads(answer.content)["code"] == "throttled"


def test_what_is_no_request_is_answered_as_a_problem_too() -> None:
    answer = bad_request(RequestFactory().get("/api/v1/x/"), ValueError())
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)
    page = bad_request(RequestFactory().get("/x/"), ValueError())
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("address", ["/api/v1/nothing/", "/api/v1/conversations/not-an-id/"])
def test_an_unknown_address_of_the_api_answers_as_the_api_does(
    client: Client, address: str
) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (404, MEDIA_TYPE)
    assert answer.json()["code"] == "not-found"


def test_an_unknown_page_stays_a_page() -> None:
    answer = not_found(RequestFactory().get("/nothing/"), Http404())
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("address", "media_type"),
    [("/api/v1/explode/", MEDIA_TYPE), ("/explode/", "text/html; charset=utf-8")],
)
def test_a_fault_of_ours_tells_nothing(exploding: Client, address: str, media_type: str) -> None:
    answer = exploding.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (500, media_type)
    assert b"spoken" not in answer.content
