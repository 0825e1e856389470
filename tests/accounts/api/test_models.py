"""A request with an idempotency key has one answer, which nobody reads in the database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.api.models import ApiRequest, IdempotentRequest
from accounts.ids import uuid7
from accounts.tenancy import tenant_scope
from tests.cast import Cast

NOW = timezone.now()


@pytest.fixture
def row(cast: Cast, keyset_file: object) -> IdempotentRequest:
    with tenant_scope(cast.acme.tenant.pk):
        return IdempotentRequest.objects.create(
            actor="key:1",
            key_hash="0" * 64,
            fingerprint="1" * 64,
            leased_until=NOW + timedelta(minutes=2),
            expires_at=NOW + timedelta(hours=24),
        )


def test_an_answer_is_kept_once_and_sealed(row: IdempotentRequest) -> None:
    with tenant_scope(row.tenant_id):
        assert not row.is_finished
        assert row.keep(201, {"Content-Type": "application/json"}, b'{"token": "canary"}')
        assert not row.keep(201, {}, b"again")
        row.refresh_from_db()
    assert (row.status, row.headers) == (201, {"Content-Type": "application/json"})
    assert b"canary" not in bytes(row.sealed_body)
    assert row.body() == b'{"token": "canary"}'


def test_who_lost_the_lease_writes_nothing(row: IdempotentRequest) -> None:
    assert not row.is_released(NOW)
    assert row.is_released(NOW + timedelta(minutes=2))
    with tenant_scope(row.tenant_id):
        IdempotentRequest.objects.filter(pk=row.pk).update(attempt=uuid7())
        assert not row.keep(200, {}, b"late")
        row.refresh_from_db()
    assert not row.is_finished


def test_a_request_is_named_by_its_route() -> None:
    assert str(ApiRequest(method="GET", route="api-turns", request_id="r1")) == "GET api-turns r1"
