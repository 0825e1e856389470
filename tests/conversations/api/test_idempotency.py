"""Who sends a change again gets the first answer, and it happens once."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.models import IdempotentRequest
from accounts.api_keys import create_api_key
from accounts.ids import uuid7
from accounts.tenancy import platform_scope, tenant_scope
from conversations.api import idempotency
from conversations.models import Agent
from tests.cast import Cast
from tests.conversations.api import probe
from tests.conversations.api.probe import ADDRESS, doing, made
from tests.conversations.talks import make_agent, with_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls(probe.__name__)]


@pytest.fixture(autouse=True)
def nothing_made() -> Iterator[None]:
    made.clear()
    yield
    doing.clear()


@pytest.fixture
def acme(cast: Cast, keyset_file: object) -> Client:
    client = with_key(cast.acme.api_key)
    client.raise_request_exception = False
    return client


def ask(client: Client, key: str, body: Any = None, address: str = ADDRESS, **more: Any) -> Any:
    headers = {"Idempotency-Key": key}
    method = more.pop("method", "post")
    call = getattr(client, method)
    return call(address, body or {"a": 1}, "application/json", headers=headers, **more)


def rows() -> int:
    with platform_scope("test"):
        return IdempotentRequest.objects.count()


def test_the_same_again_gets_the_first_answer(acme: Client) -> None:
    first, second = ask(acme, "k1"), ask(acme, "k1")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content == b'{"number":1}'
    assert second["Location"] == "/1/"
    assert second["Content-Type"] == first["Content-Type"]
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert ask(acme, "k2").content == b'{"number":2}'
    assert acme.post(ADDRESS, {"a": 1}, "application/json").content == b'{"number":3}'


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"a": 2}},
        {"address": f"{ADDRESS}?b=1"},
        {"method": "put"},
        {"method": "delete"},
    ],
)
def test_a_key_is_for_one_request(acme: Client, other: dict[str, Any]) -> None:
    ask(acme, "k1")
    refused = ask(acme, "k1", **other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")
    assert len(made) == 1


def test_keys_of_others_are_their_own(cast: Cast, acme: Client) -> None:
    _, text = create_api_key(cast.acme.tenant, "second", ["write"])
    for number, client in enumerate((acme, with_key(text), with_key(cast.globex.api_key)), 1):
        assert ask(client, "k1").json() == {"number": number}


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
def test_a_key_has_a_form(acme: Client, key: str) -> None:
    refused = ask(acme, key)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-idempotency-key")
    assert (made, rows()) == ([], 0)


def test_while_the_first_runs_the_second_waits(acme: Client) -> None:
    inside: list[Any] = []

    def ask_again(request: Request) -> None:
        inside.append(ask(with_key(request.headers["Authorization"].split()[1]), "k1"))

    doing.append(ask_again)
    assert ask(acme, "k1").status_code == 201
    [refused] = inside
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency-key-in-use")
    assert refused["Retry-After"] == "1"
    assert len(made) == 1


def test_one_that_never_finished_is_released_after_its_lease(cast: Cast, acme: Client) -> None:
    ask(acme, "k1")
    with tenant_scope(cast.acme.tenant.pk):
        # As a process that died leaves it.
        kept = IdempotentRequest.objects.all()
        kept.update(
            status=None, sealed_body=b"", leased_until=timezone.now() + timedelta(minutes=1)
        )
    assert ask(acme, "k1").status_code == 409
    with tenant_scope(cast.acme.tenant.pk):
        IdempotentRequest.objects.update(leased_until=timezone.now())
    assert ask(acme, "k1").json() == {"number": 2}
    assert ask(acme, "k1").json() == {"number": 2}


def test_after_a_day_a_key_is_new(cast: Cast, acme: Client) -> None:
    ask(acme, "k1")
    with tenant_scope(cast.acme.tenant.pk):
        IdempotentRequest.objects.update(expires_at=timezone.now())
    assert ask(acme, "k1", {"a": "else"}).json() == {"number": 2}
    assert rows() == 1


def test_of_two_that_take_it_over_one_does(cast: Cast, acme: Client) -> None:
    ask(acme, "k1")
    now = timezone.now()
    with tenant_scope(cast.acme.tenant.pk):
        IdempotentRequest.objects.update(status=None, leased_until=now)
        row = IdempotentRequest.objects.get()
        IdempotentRequest.objects.update(attempt=uuid7())
        with pytest.raises(idempotency.KeyInUse):
            idempotency._take_over(row, row.fingerprint, now)  # noqa: SLF001 - in between two looks


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (exceptions.ValidationError({"a": "No."}), 1),
        (exceptions.NotFound(), 1),
        (exceptions.PermissionDenied(), 2),
        (exceptions.Throttled(), 2),
        (ZeroDivisionError(), 2),
    ],
)
def test_refusals_are_kept_and_what_may_pass_is_not(
    acme: Client, error: Exception, calls: int
) -> None:
    def refuse(request: Request) -> Response:
        raise error

    doing.append(refuse)
    first, second = ask(acme, "k1"), ask(acme, "k1")
    assert first.status_code == second.status_code >= 400
    assert len(made) == calls
    assert rows() == (calls == 1)


def test_change_and_answer_are_one_where_a_view_says_so(cast: Cast, acme: Client) -> None:
    slug = uuid.uuid4().hex

    def change_and_fail(request: Request) -> Response:
        make_agent(cast.acme.tenant, slug)
        raise ZeroDivisionError

    def lose_the_lease(request: Request) -> None:
        make_agent(cast.acme.tenant, slug)
        IdempotentRequest.objects.update(attempt=uuid7())

    for nuisance, status in ((change_and_fail, 500), (lose_the_lease, 409)):
        doing[:] = [nuisance]
        assert ask(acme, "k1", address="/api/v1/together/").status_code == status
        with tenant_scope(cast.acme.tenant.pk):
            assert not Agent.objects.filter(slug=slug).exists()
            IdempotentRequest.objects.all().delete()
    doing.clear()
    for _ in range(2):
        assert ask(acme, "k1", address="/api/v1/together/").json() == {"number": 3}


def test_what_is_streamed_or_too_long_is_not_kept(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"".join(ask(acme, "k1", address="/api/v1/stream/")) == b"onetwo"
    monkeypatch.setattr(idempotency, "MOST_BYTES", 5)
    assert ask(acme, "k2").status_code == 201
    assert rows() == 0


def test_a_replayed_problem_is_logged_as_one(acme: Client) -> None:
    def refuse(request: Request) -> Response:
        raise exceptions.NotFound

    doing.append(refuse)
    ask(acme, "k1")
    again = ask(acme, "k1")
    assert (again["Idempotent-Replayed"], vars(again)["problem_code"]) == ("true", "not-found")


def test_a_read_needs_no_key_and_nobody_keeps_it(acme: Client) -> None:
    assert acme.get(ADDRESS, headers={"Idempotency-Key": "k1"}).status_code == 200
    assert rows() == 0


def test_who_is_not_known_is_not_noted(client: Client) -> None:
    assert ask(client, "k1").status_code == 401
    assert rows() == 0
