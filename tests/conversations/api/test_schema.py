"""The checked-in OpenAPI document is what the code serves, it is whole, and it keeps v1's word."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from accounts.roles import KEY_SCOPES, Permission
from conversations.api.codes import CODES
from conversations.api.schema import problems, scopes_for
from tests.conversations.api.narrowing import narrowings
from tests.services import ROOT

REFERENCE = ROOT / "docs" / "reference"
CHECKED_IN = REFERENCE / "openapi.yaml"
PROMISED = REFERENCE / "openapi-v1.yaml"
HOW_TO = "python manage.py spectacular --file docs/reference/openapi.yaml"
PROBLEM = "application/problem+json"
P = Permission


def read(path: Any) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


@pytest.fixture(scope="module")
def served() -> Any:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return generator.get_schema(public=True)  # type: ignore[no-untyped-call]


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, each in document["paths"].items():
        for method, operation in each.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield f"{method.upper()} {path}", operation


def resolved(document: Any, node: Any) -> Any:
    while "$ref" in node:
        kind, name = node["$ref"].removeprefix("#/components/").split("/", 1)
        node = document["components"][kind][name]
    return node


def test_the_checked_in_document_is_up_to_date(served: Any) -> None:
    assert read(CHECKED_IN) == served, f"run: {HOW_TO}"


def test_it_is_valid_openapi_3_1(served: Any) -> None:
    validate_schema(served)  # type: ignore[no-untyped-call]
    assert served["openapi"] == "3.1.0"


def test_each_endpoint_states_who_may_what_it_answers_and_with_which_headers(served: Any) -> None:
    for name, operation in operations(served):
        assert operation["summary"], name
        assert operation["security"] == [{"apiKey": []}], name
        # Some look at each caller by themselves: what runs, and whose it is, decides.
        scopes = set(operation.get("x-scopes", ()))
        assert scopes <= set(KEY_SCOPES), name
        assert not scopes or "Key scope: `" in operation["description"], name
        answers = operation["responses"]
        assert {"401", "403", "429"} <= set(answers), name
        assert ("404" in answers) or "{" not in name, name
        for status, stated in answers.items():
            answer = resolved(served, stated)
            assert "X-Request-Id" in answer["headers"], (name, status)
            if int(status) >= 400 and status != "416":  # which says it in a header
                assert set(answer["content"]) == {PROBLEM}, (name, status)
            if status == "429":
                assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(answer["headers"])


def test_what_changes_takes_an_idempotency_key_and_what_reads_a_condition(served: Any) -> None:
    for name, operation in operations(served):
        named = {resolved(served, each)["name"] for each in operation.get("parameters", [])}
        changes = not name.startswith("GET ")
        assert ("Idempotency-Key" in named) is changes, name
        says_json = "application/json" in operation["responses"].get("200", {}).get("content", {})
        assert ("304" in operation["responses"]) is (not changes and says_json), name
        assert changes or ("If-None-Match" in named) is says_json, name
        assert ({"409", "422"} <= set(operation["responses"])) or not changes, name


def test_operation_ids_are_names_of_their_own(served: Any) -> None:
    ids = [operation["operationId"] for _, operation in operations(served)]
    assert len(ids) == len(set(ids))
    assert not [each for each in ids if each.startswith("api_v1")]


def test_it_lists_the_codes(served: Any) -> None:
    assert served["x-problem-codes"] == {code: row.status for code, row in CODES.items()}


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        ({P.READ_API}, "`read`"),
        ({P.READ_API, P.REVIEW_CONVERSATIONS}, "`read`"),
        ({P.TALK}, "`talk` or `write`"),
        ({P.TALK, P.READ_API}, "`read` and `talk`"),
        (set(), ""),
    ],
)
def test_scopes_in_words(needed: set[Permission], words: str) -> None:
    assert scopes_for(frozenset(needed)) == words


def test_problems_are_named_by_their_status() -> None:
    assert set(problems(e404="gone", e401="who")) == {(404, PROBLEM), (401, PROBLEM)}


def test_anybody_may_read_it(client: Client, db: None) -> None:
    answer = client.get("/api/v1/schema/")
    document = yaml.load(answer.content, yaml.CSafeLoader)
    assert (answer.status_code, document["openapi"]) == (200, "3.1.0")


# --- The promise of v1 ------------------------------------------------------------------------


def test_nothing_that_was_promised_is_taken_back(served: Any) -> None:
    """docs/reference/api.md says what v1 promises. What is missing here breaks programs: give it
    back, or make it v2. A release replaces the promise by what is served then."""
    assert narrowings(read(PROMISED), served) == []


DOCUMENT: Any = {
    "paths": {
        "/things/": {
            "post": {
                "operationId": "make",
                "parameters": [{"name": "a", "in": "query", "schema": {"enum": ["x", "y"]}}],
                "requestBody": {
                    "content": {"json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                },
                "responses": {"200": {"content": {"json": {"schema": {"items": {
                    "$ref": "#/components/schemas/Thing"}}}}}},
            }
        }
    },
    "components": {"schemas": {"Thing": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 9},
            "note": {"type": ["string", "null"]},
            "inner": {"$ref": "#/components/schemas/Thing"},
        },
    }}},
    "x-problem-codes": {"gone": 404},
}  # fmt: skip


def post(document: Any) -> Any:
    return document["paths"]["/things/"]["post"]


def thing(document: Any) -> Any:
    return document["components"]["schemas"]["Thing"]


CHANGES: dict[str, Callable[[Any], Any]] = {
    "is gone": lambda new: new["paths"].clear(),
    "operationId": lambda new: post(new).update(operationId="other"),
    "a is gone": lambda new: post(new)["parameters"].clear(),
    "a has to be sent": lambda new: post(new)["parameters"][0].update(required=True),
    "b has to be sent": lambda new: post(new)["parameters"].append(
        {"name": "b", "in": "query", "required": True}
    ),
    "y is not taken": lambda new: post(new)["parameters"][0]["schema"]["enum"].remove("y"),
    "a body has to be": lambda new: post(new)["requestBody"].update(required=True),
    "a body of json": lambda new: post(new)["requestBody"]["content"].clear(),
    "not answer 200": lambda new: post(new)["responses"].clear(),
    "200 json: gone": lambda new: post(new)["responses"]["200"]["content"].clear(),
    "maxLength is 8": lambda new: thing(new)["properties"]["name"].update(maxLength=8),
    "may be integer now": lambda new: thing(new)["properties"]["name"].update(type="integer"),
    "may not be null any more": lambda new: thing(new)["properties"]["note"].update(type="string"),
    "name may be missing now": lambda new: thing(new)["required"].clear(),
    "note has to be sent now": lambda new: thing(new)["required"].append("note"),
    "[]: note is gone": lambda new: thing(new)["properties"].pop("note"),
    "code gone": lambda new: new["x-problem-codes"].clear(),
}


@pytest.mark.parametrize("words", CHANGES)
def test_each_way_to_break_a_program_is_noticed(words: str) -> None:
    new = copy.deepcopy(DOCUMENT)
    CHANGES[words](new)
    assert any(words in each for each in narrowings(DOCUMENT, new)), narrowings(DOCUMENT, new)


def test_what_is_added_breaks_nothing() -> None:
    new = copy.deepcopy(DOCUMENT)
    new["paths"]["/more/"] = {}
    post(new)["parameters"].append({"name": "b", "in": "query"})
    post(new)["parameters"][0]["schema"]["enum"].append("z")
    post(new)["responses"]["404"] = {}
    thing(new)["properties"]["more"] = {"type": "string"}
    thing(new)["properties"]["name"]["maxLength"] = 10
    new["x-problem-codes"]["new"] = 400
    assert narrowings(DOCUMENT, new) == []
    assert narrowings(DOCUMENT, DOCUMENT) == []
