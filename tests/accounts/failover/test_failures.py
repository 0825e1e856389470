from datetime import timedelta
from typing import Any

import pytest

from accounts.credentials import CredentialsFailing, CredentialsResting
from accounts.failover.alarm import trouble_of
from accounts.failover.failures import (
    LONGEST_REST,
    Failure,
    bring_back,
    failure_of,
    note_failure,
)
from accounts.failover.line import best_line
from accounts.models import AuditEntry, Credential
from accounts.tenancy import platform_scope
from live import error_from_close, error_from_handshake
from tests.accounts.failover.rows import NOW, credential
from tests.cast import Cast

State = Credential.State
MINUTE = timedelta(minutes=1)
QUOTA = Failure("quota_exceeded", "The quota is used up.", MINUTE)
DEAD = Failure("api_key_invalid", "The API key is not valid.")


@pytest.fixture
def letters(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the letters that were written."""
    written: list[str] = []
    monkeypatch.setattr(
        "accounts.failover.failures.write_to_staff", lambda *told: written.append(told[2])
    )
    return written


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (error_from_close(1007, "API key expired."), ("api_key_expired", None)),
        (error_from_close(1008, "invalid authentication credentials"), ("token_invalid", None)),
        (error_from_close(1011, "exceeded your current quota"), ("quota_exceeded", MINUTE)),
        (error_from_handshake(429), ("rate_limited", MINUTE)),
        (error_from_handshake(429, retry_after=600), ("rate_limited", 10 * MINUTE)),
        (error_from_handshake(429, retry_after=1e6), ("rate_limited", LONGEST_REST)),
        (error_from_handshake(403, body="SERVICE_DISABLED"), ("api_disabled", None)),
        (error_from_close(1011, "Internal error"), None),
        (error_from_close(1008, "models/x is not found"), None),
        (error_from_close(1006, ""), None),
    ],
)
def test_what_an_error_says_of_the_credential(error: Any, failure: Any) -> None:
    found = failure_of(error)
    assert (found and (found.code, found.rest)) == failure


@pytest.mark.django_db
def test_fifty_sessions_are_one_failure(cast: Cast, letters: list[str]) -> None:
    with platform_scope("test"):
        row = credential(cast.acme.tenant, is_primary=True)
        credential(cast.acme.tenant, name="standby")
        theirs = credential(cast.globex.tenant, is_primary=True)
        news = [note_failure(row.pk, row.version, DEAD, NOW) for _ in range(50)]
        assert sum(news) == 1
        row.refresh_from_db()
        assert (row.state, row.failed_at, row.rests_until) == (State.FAILING, NOW, None)
        assert (row.failure_code, row.failure) == (DEAD.code, DEAD.text)
        entry = AuditEntry.objects.get(action="credential.failed", object_id=str(row.pk))
        assert entry.after == {"state": "failing", "problem": DEAD.code}
        assert letters == ["credential_failing"]
        standby = best_line(cast.acme.tenant.pk, NOW)
        assert standby.credential_id != row.pk
        note_failure(standby.credential_id, standby.version, DEAD, NOW)
        assert letters == ["credential_failing", "credentials_all_failing"]
        with pytest.raises(CredentialsFailing):
            best_line(cast.acme.tenant.pk, NOW)
        assert best_line(cast.globex.tenant.pk, NOW).credential_id == theirs.pk
        assert bring_back(NOW + timedelta(days=9)) == 0


@pytest.mark.django_db
def test_another_secret_and_one_that_is_out_of_service_do_not_fail(
    cast: Cast, letters: list[str]
) -> None:
    with platform_scope("test"):
        row = credential(cast.acme.tenant, is_primary=True)
        assert not note_failure(row.pk, row.version + 1, DEAD, NOW)
        row.state = State.REVOKED
        row.save()
        assert not note_failure(row.pk, row.version, DEAD, NOW)
    assert letters == []


@pytest.mark.django_db
def test_a_quota_comes_back_by_itself_and_later_each_time(cast: Cast, letters: list[str]) -> None:
    tenant = cast.acme.tenant.pk
    with platform_scope("test"):
        row = credential(cast.acme.tenant, is_primary=True)
        now, rests = NOW, []
        for _ in range(8):
            assert note_failure(row.pk, row.version, QUOTA, now)
            with pytest.raises(CredentialsResting):
                best_line(tenant, now)
            row.refresh_from_db()
            assert row.rests_until is not None
            rests.append((row.rests_until - now) // MINUTE)
            assert bring_back(row.rests_until - timedelta(seconds=1)) == 0
            now = row.rests_until
            assert best_line(tenant, now).credential_id == row.pk
            assert (bring_back(now), bring_back(now)) == (1, 0)
        assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
        assert letters == ["credentials_all_failing"]
        row.refresh_from_db()
        assert (row.state, trouble_of(row, now)) == (State.ACTIVE, "")
        # Long after, it is another trouble.
        note_failure(row.pk, row.version, QUOTA, now + timedelta(days=1))
        assert len(letters) == 2


@pytest.mark.django_db
def test_what_rests_may_turn_out_to_be_dead(cast: Cast, letters: list[str]) -> None:
    with platform_scope("test"):
        row = credential(cast.acme.tenant, is_primary=True)
        note_failure(row.pk, row.version, QUOTA, NOW)
        assert note_failure(row.pk, row.version, DEAD, NOW)
        assert not note_failure(row.pk, row.version, QUOTA, NOW)
        row.refresh_from_db()
    assert (row.failure_code, row.rests_until) == (DEAD.code, None)
