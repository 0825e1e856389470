"""Every operation of the schema, asked by everybody with whatever the schema allows.

schemathesis makes the requests: by a fixed seed a few of each here, many in `make test-full`, and
there also such as the schema does not allow. Whoever asks, no answer is a fault of ours or one
that the schema does not state, and nothing of another tenant's is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.api_keys import create_api_key
from tests.cast import Cast, Company
from tests.conversations.talks import HANDLER
from tests.permissions.furniture import CANARY, Furniture, furnish

CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HOST = "http://testserver"
OTHERS_EVERY = 3
MODES = schemathesis.GenerationMode


@dataclass
class Visitor:
    """`key` is empty for nobody. `reads` is whether it may do nothing but read."""

    name: str
    key: str = ""
    reads: bool = False
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        self.client.handler = HANDLER
        self.client.raise_request_exception = False

    def ask(self, case: Any) -> tuple[requests.PreparedRequest, Any]:
        asked = requests.Request(**case.as_transport_kwargs(base_url=HOST)).prepare()
        headers = {name: value for name, value in asked.headers.items() if name != "Content-Type"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
        kind = asked.headers.get("Content-Type", "")
        answer = self.client.generic(
            asked.method or "GET", asked.path_url, body, kind, headers=headers
        )
        return asked, answer


@dataclass
class Visit:
    """`secrets` must be in no answer; `theirs` is whose ids stand in the addresses."""

    theirs: Company
    strangers: dict[str, tuple[str, ...]]
    wrong: list[str] = field(default_factory=list)
    answered: set[tuple[str, str, int]] = field(default_factory=set)

    def ask(self, visitor: Visitor, case: Any) -> None:
        with transaction.atomic():
            asked, answer = visitor.ask(case)
            content = content_of(answer)
            transaction.set_rollback(True)
        label = case.operation.label
        self.answered.add((visitor.name, label, answer.status_code))
        found = [*self.refusals(visitor, label, answer), *self.leaks(visitor, content, answer)]
        if not is_offline(answer, content):
            found += complaints(case, asked, answer, content)
        self.wrong += [f"{visitor.name} {label} {asked.path_url}: {each}" for each in found]

    def refusals(self, visitor: Visitor, label: str, answer: Any) -> Iterator[str]:
        status = answer.status_code
        if not visitor.key and status != 401:
            yield f"{status} for nobody"
        if visitor.name == "stranger" and "{" in label and status < 400:
            yield f"{status} for another tenant's key"
        if visitor.reads and not label.startswith("GET") and status < 400:
            yield f"{status} for a key that only reads"

    def leaks(self, visitor: Visitor, content: bytes, answer: Any) -> Iterator[str]:
        text = content.decode(errors="replace") + str(dict(answer.headers))
        hidden = (CANARY, *self.strangers[visitor.name])
        if any(each in text for each in hidden):
            yield "it shows what is hidden"


def content_of(answer: Any) -> bytes:
    """Sound and files come from an asynchronous iterator, which a test without a loop leaves be."""
    if not answer.streaming:
        return bytes(answer.content)
    return b"" if answer.is_async else b"".join(answer)


def is_offline(answer: Any, content: bytes) -> bool:
    """What reaches into a running conversation needs the ASGI application, which these tests do
    without."""
    return answer.status_code == 503 and b'"no-live-server"' in content


def complaints(
    case: Any, asked: requests.PreparedRequest, answer: Any, content: bytes
) -> list[str]:
    headers = {name: [value] for name, value in answer.headers.items()}
    response = schemathesis.Response(
        answer.status_code, headers, content, asked, elapsed=0.1, verify=False, encoding="utf-8"
    )
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        return [f"{answer.status_code} {each}" for each in group.exceptions]
    except Failure as failure:
        return [f"{answer.status_code} {failure}"]
    return []


def whole(result: Any) -> Any:
    """The operation that schemathesis has read. Raises its error for one that it could not."""
    return result.ok()


def cases_of(
    operation: Any, furniture: Furniture, count: int, mode: schemathesis.GenerationMode
) -> list[Any]:
    cases: list[Any] = []
    known = path_parameters(operation, furniture)

    @seed(4711)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode, path_parameters=known or None))
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def path_parameters(operation: Any, furniture: Furniture) -> dict[str, str]:
    """Ids of what is there, by the names of the parameters: `export_id` is an Export's."""
    found = {}
    for parameter in operation.path_parameters:
        noun = parameter.name.removesuffix("_id").replace("_", "")
        rows = (row for model, row in furniture.rows.items() if is_called(model, noun))
        if (row := next(rows, None)) is not None:
            found[parameter.name] = str(getattr(row, "request_id", None) or row.pk)
    return found


def is_called(model: type[Any], noun: str) -> bool:
    name = model.__name__.lower()
    ends = noun in {"token", "request", "delivery"} and name.endswith(noun)
    return ends or name == {"webhook": "webhookendpoint"}.get(noun, noun)


def visit(cast: Cast, count: int, mode: schemathesis.GenerationMode = MODES.POSITIVE) -> Visit:
    acme, globex = furnish(cast.acme), furnish(cast.globex)
    everything = Visitor("own key", cast.acme.api_key)
    reading = Visitor("reading key", create_api_key(cast.acme.tenant, "r", ["read"])[1], reads=True)
    stranger = Visitor("stranger", cast.globex.api_key)
    visitors = [everything, reading, stranger, Visitor("nobody")]
    names = {each: marks(side) for each, side in ((cast.acme, acme), (cast.globex, globex))}
    secrets = tuple(each.key.rsplit("_", 1)[1] for each in visitors if each.key)
    told = Visit(
        cast.acme,
        {
            "own key": (*names[cast.globex], *secrets),
            "reading key": (*names[cast.globex], *secrets),
            # It may name the id that it was asked for.
            "stranger": (*names[cast.acme], *secrets),
            "nobody": (*names[cast.acme], *names[cast.globex], *secrets),
        },
    )
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        for number, case in enumerate(cases_of(whole(result), acme, count, mode)):
            # The others are turned away before anything depends on what they send.
            for visitor in visitors if number % OTHERS_EVERY == 0 else visitors[:1]:
                told.ask(visitor, case)
    return told


def marks(furniture: Furniture) -> tuple[str, ...]:
    """What shows that something of a tenant has come out."""
    tenant = furniture.company.tenant
    return (f"{tenant.slug}.example", f"agent-{tenant.slug}", f"of-{tenant.slug}", str(tenant.pk))


def test_everybody_asks_for_everything(cast: Cast, keyset_file: object, quiet: None) -> None:
    told = visit(cast, count=2)
    assert told.wrong == []
    # They were let in where they may: otherwise nothing was tried.
    statuses = {(name, status) for name, _, status in told.answered}
    assert {("own key", 200), ("reading key", 200), ("reading key", 403)} <= statuses
    assert {("stranger", 404), ("stranger", 200), ("nobody", 401)} <= statuses


@pytest.mark.full
@pytest.mark.parametrize("mode", [MODES.POSITIVE, MODES.NEGATIVE])
def test_everybody_asks_for_everything_often(
    cast: Cast, keyset_file: object, quiet: None, mode: schemathesis.GenerationMode
) -> None:
    assert visit(cast, count=20, mode=mode).wrong == []


@pytest.fixture
def quiet(settings: Any) -> None:
    """So many requests in a minute are one test's, and no other's."""
    settings.API_CALLER_RATE = settings.API_TENANT_RATE = 0
