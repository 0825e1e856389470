from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.api import keeping
from accounts.api.models import ApiRequest, IdempotentRequest
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast

NOW = timezone.now()


def note(cast: Cast, at: datetime) -> None:
    for company in (cast.acme, cast.globex):
        with tenant_scope(company.tenant.pk):
            ApiRequest.objects.create(
                request_id=f"{at:%d}", actor="key:1", method="GET", status=200, duration_ms=1, at=at
            )
            IdempotentRequest.objects.create(
                actor="key:1",
                key_hash=f"{at.timestamp()}",
                fingerprint="",
                leased_until=at,
                expires_at=at + timedelta(days=1),
            )


def test_what_is_old_goes_of_every_tenant_and_the_rest_stays(
    cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BATCH", 1)
    settings.API_LOG_DAYS = 3
    for days in (0, 2, 4):
        note(cast, NOW - timedelta(days=days))
    # Of each tenant: one note, and two answers whose day is over.
    assert keeping.forget_old_requests(NOW) == 6
    with platform_scope("test"):
        assert ApiRequest.objects.count() == 4
        assert IdempotentRequest.objects.count() == 2
    assert keeping.forget_old_requests(NOW) == 0
