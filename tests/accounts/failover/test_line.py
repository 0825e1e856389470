from datetime import timedelta

import pytest

from accounts.credentials import NoCredential
from accounts.failover.line import best_line
from accounts.models import Credential
from accounts.tenancy import platform_scope
from tests.accounts.failover.rows import NOW, credential
from tests.cast import Cast

State = Credential.State


@pytest.mark.django_db
def test_the_use_is_noted_once_a_minute(cast: Cast) -> None:
    tenant = cast.acme.tenant.pk
    with platform_scope("test"):
        with pytest.raises(NoCredential):
            best_line(tenant, NOW)
        row = credential(cast.acme.tenant, is_primary=True)
        for seconds, used in ((0, 0), (59, 0), (60, 60), (61, 60)):
            best_line(tenant, NOW + timedelta(seconds=seconds))
            row.refresh_from_db()
            assert row.last_used_at == NOW + timedelta(seconds=used)
        line = best_line(tenant, NOW)
        assert not line.has_standby
        with pytest.raises(NoCredential):
            best_line(tenant, NOW, without=line)


@pytest.mark.django_db
def test_a_secret_that_does_not_open_gives_way(cast: Cast) -> None:
    with platform_scope("test"):
        row = credential(cast.acme.tenant, is_primary=True)
        spare = credential(cast.acme.tenant, name="spare")
        Credential.objects.filter(pk=row.pk).update(sealed_secret=b"spoilt")
        assert best_line(cast.acme.tenant.pk, NOW).credential_id == spare.pk
        row.refresh_from_db()
        assert row.state == State.UNDECRYPTABLE


@pytest.mark.django_db
def test_what_is_for_tests_never_leads_to_google(cast: Cast) -> None:
    tenant = cast.acme.tenant.pk
    with platform_scope("test"):
        google = "https://generativelanguage.googleapis.com"
        credential(cast.acme.tenant, is_primary=True, base_url=google)
        with pytest.raises(NoCredential):
            best_line(tenant, NOW, for_tests=True)
        trial = credential(cast.acme.tenant, name="trial", base_url="http://127.0.0.1:1")
        line = best_line(tenant, NOW, for_tests=True)
        assert (line.credential_id, line.has_standby) == (trial.pk, False)
        assert best_line(tenant, NOW).credential_id != trial.pk
