"""The checked-in OpenAPI document is what the code serves, and it is valid."""

import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from conversations.api.schema import problems
from tests.services import ROOT

CHECKED_IN = ROOT / "docs" / "reference" / "openapi.yaml"
HOW_TO = "python manage.py spectacular --file docs/reference/openapi.yaml"


def test_the_checked_in_document_is_up_to_date() -> None:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    served = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    assert yaml.safe_load(CHECKED_IN.read_text()) == served, f"run: {HOW_TO}"


def test_it_is_valid_openapi_3_1() -> None:
    document = yaml.safe_load(CHECKED_IN.read_text())
    validate_schema(document)  # type: ignore[no-untyped-call]
    assert document["openapi"] == "3.1.0"


def test_it_describes_each_endpoint_with_its_key_and_problems() -> None:
    document = yaml.safe_load(CHECKED_IN.read_text())
    root = "/api/v1/conversations/"
    assert set(document["paths"]) == {
        root,
        f"{root}{{conversation_id}}/",
        f"{root}{{conversation_id}}/turns/",
    }
    for operations in document["paths"].values():
        answers = operations["get"]["responses"]
        assert {"200", "401", "403"} <= set(answers)
        assert "application/problem+json" in answers["401"]["content"]
        assert operations["get"]["security"] == [{"apiKey": []}]


def test_anybody_may_read_it(client: Client, db: None) -> None:
    answer = client.get("/api/v1/schema/")
    assert (answer.status_code, yaml.safe_load(answer.content)["openapi"]) == (200, "3.1.0")


def test_problems_are_named_by_their_status() -> None:
    assert set(problems(e404="gone", e401="who")) == {
        (404, "application/problem+json"),
        (401, "application/problem+json"),
    }
