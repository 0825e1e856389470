from datetime import datetime
from typing import Any

import pytest
from django.conf import settings

from accounts.audit.models import AuditSeal
from accounts.audit.proof import prove_chain
from accounts.tasks import advance_rotations, seal_audit_entries
from accounts.tenancy import tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")


def test_seals_every_chain(cast: Cast) -> None:
    assert seal_audit_entries(NOW) == 2  # the API key of each tenant was created
    assert seal_audit_entries(NOW) == 0
    for company in (cast.acme, cast.globex):
        with tenant_scope(company.tenant.pk):
            assert AuditSeal.objects.get().at == NOW
        assert prove_chain(company.tenant.pk).fault is None


def test_the_clock_is_optional(cast: Cast) -> None:
    assert seal_audit_entries() == 2


def test_it_is_scheduled() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["seal-audit-entries"]
    assert entry["task"] == seal_audit_entries.name
    assert entry["schedule"] == 60.0


def test_rotations_are_looked_at_again_and_again(cast: Cast) -> None:
    assert advance_rotations() == 0  # no key is being rotated
    entry: Any = settings.CELERY_BEAT_SCHEDULE["advance-rotations"]
    assert entry["task"] == advance_rotations.name
    assert entry["options"]["expires"] <= entry["schedule"]
