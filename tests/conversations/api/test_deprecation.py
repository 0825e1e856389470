"""What is marked deprecated is told with each answer, in the schema and in the documents."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Permission
from config import urls
from conversations.api.deprecation import (
    DEPRECATIONS,
    Deprecation,
    deprecations_of,
    headers_for,
    table,
)
from conversations.api.permissions import allowed
from tests.cast import Cast
from tests.conversations.talks import with_key
from tests.services import ROOT

SINCE, SUNSET = date(2027, 1, 1), date(2028, 2, 29)
WHOLE = Deprecation(
    operation="GET /api/v1/going/", since=SINCE, sunset=SUNSET, instead="Ask for the agents."
)
PART = Deprecation(
    operation="GET /api/v1/going/{going_id}/",
    since=date(2027, 6, 1),
    sunset=date(2028, 12, 31),
    instead="Leave it out.",
    parameter="deep",
)
LIST, ONE = "/api/v1/going/", f"/api/v1/going/{uuid4()}/"
HEADERS = {"Deprecation": "@1798761600", "Sunset": "Tue, 29 Feb 2028 23:59:59 GMT"}


class Going(APIView):
    """All of it is to go, or a parameter where it is one."""

    permission_classes = [allowed(Permission.READ_API)]

    @extend_schema(parameters=[OpenApiParameter("deep", str)], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, going_id: UUID | None = None) -> Response:
        return Response({"id": going_id})

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, going_id: UUID | None = None) -> Response:
        return Response(status=204)


OWN = [
    path("api/v1/going/", Going.as_view(), name="going-list"),
    path("api/v1/going/<uuid:going_id>/", Going.as_view(), name="going"),
]
urlpatterns = [*OWN, *urls.urlpatterns]
handler400, handler404, handler500 = urls.handler400, urls.handler404, urls.handler500


@pytest.fixture
def deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation and a parameter, of the test's own."""
    monkeypatch.setattr(f"{Deprecation.__module__}.DEPRECATIONS", [WHOLE, PART])


def told(answer: Any) -> dict[str, str]:
    return {name: answer[name] for name in HEADERS if name in answer}


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_each_answer_says_it(cast: Cast, keyset_file: object, deprecated: None) -> None:
    acme = with_key(cast.acme.api_key)
    answer = acme.get(LIST)
    assert (answer.status_code, told(answer)) == (200, HEADERS)
    assert answer["Link"] == (
        '<http://testserver/api/v1/redoc/>; rel="deprecation"; type="text/html"'
    )
    known = acme.get(LIST, headers={"If-None-Match": answer["ETag"]})
    assert (known.status_code, told(known)) == (304, HEADERS)
    refused = Client().get(LIST)
    assert (refused.status_code, told(refused)) == (401, HEADERS)
    # Another method, another operation.
    assert told(acme.post(LIST, {}, content_type="application/json")) == {}
    assert told(acme.get(ONE)) == told(acme.get("/api/v1/nothing/")) == {}
    assert told(acme.get(ONE, {"deep": "1"}))["Deprecation"] == "@1811808000"


def test_the_first_to_go_is_told() -> None:
    assert headers_for([PART, WHOLE]) == HEADERS


def test_the_schema_marks_it(deprecated: None) -> None:
    generator = SchemaGenerator(patterns=OWN)  # type: ignore[no-untyped-call]
    paths = generator.get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
    asked = paths[LIST]["get"]
    assert asked["deprecated"] is True
    assert "goes after 2028-02-29. Ask for the agents." in asked["description"]
    assert HEADERS.keys() <= asked["responses"]["200"]["headers"].keys()
    assert "deprecated" not in paths[LIST]["post"]
    one = paths["/api/v1/going/{going_id}/"]["get"]
    assert "deprecated" not in one
    deep = next(each for each in one["parameters"] if each.get("name") == "deep")
    assert (deep["deprecated"], deep["description"]) == (True, str(PART))


def test_the_documents_have_the_table(deprecated: None) -> None:
    assert table().splitlines()[2:] == [
        f"| `GET {LIST}` | 2027-01-01 | 2028-02-29 | Ask for the agents. |",
        "| `GET /api/v1/going/{going_id}/`, `deep` | 2027-06-01 | 2028-12-31 | Leave it out. |",
    ]


def test_twelve_months_at_least() -> None:
    with pytest.raises(ValueError, match="twelve months"):
        Deprecation(operation="GET /", since=SINCE, sunset=date(2027, 12, 31), instead="")


def test_what_is_deprecated_today_is_there_and_documented() -> None:
    """The table stands in docs/reference/api.md as `table()` makes it."""
    assert table() in (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    if DEPRECATIONS:
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        paths = generator.get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
        marked = {
            f"{method.upper()} {path}"
            for path, operations in paths.items()
            for method, operation in operations.items()
            if "Deprecated since" in str(operation)
        }
        assert {row.operation for row in DEPRECATIONS} == marked
    assert deprecations_of("GET", "/api/v1/nothing/") == []
