from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from accounts.models import Credential
from accounts.tenancy import tenant_scope
from accounts.verification import note_trial, try_credential
from live import Finding, Outcome, Report
from live.errors import Diagnosis
from live.simulator import Simulator
from tests.accounts.admin.desk import SECRET, simulator_in_thread, store
from tests.cast import Cast

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, tzinfo=UTC)
GOOD = "sim-key-canary-of-these-tests"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulator_in_thread(api_keys=[GOOD]) as running:
        yield running


def steps(report: Report) -> dict[str, str]:
    return {each.step: str(each.outcome) for each in report.findings}


def test_a_key_that_works(cast: Cast, keyset_file: object, simulator: Simulator) -> None:
    credential = store(cast.acme.tenant, GOOD, base_url=simulator.url)
    report = try_credential(credential)
    assert report.ok
    assert list(steps(report)) == ["credential", "token", "handshake", "setup", "close"]
    note_trial(credential, report, NOW)
    assert (credential.state, credential.verified_at) == ("active", NOW)
    assert credential.verification is not None
    assert credential.verification["ok"]
    assert GOOD not in str(credential.verification)


def test_a_key_that_does_not(cast: Cast, keyset_file: object, simulator: Simulator) -> None:
    credential = store(cast.acme.tenant, SECRET, base_url=simulator.url)
    report = try_credential(credential)
    assert steps(report)["setup"] == "failed"
    note_trial(credential, report, NOW)
    assert credential.state == "failing"


def test_what_is_revoked_is_not_tried(cast: Cast, keyset_file: object) -> None:
    credential = store(cast.acme.tenant, state="revoked")
    credential.state = Credential.State.REVOKED
    report = try_credential(credential)
    assert steps(report) == {"credential": "failed"}
    note_trial(credential, report, NOW)
    assert credential.state == "revoked"


def test_a_secret_that_does_not_open(cast: Cast, keyset_file: object) -> None:
    credential = store(cast.acme.tenant)
    credential.sealed_secret = b"\x01nothing that opens"
    with tenant_scope(cast.acme.tenant.pk):
        report = try_credential(credential)
    assert report.failure is not None
    assert "does not open" in report.failure.detail


def test_what_passes_by_itself_leaves_the_state(cast: Cast) -> None:
    diagnosis = Diagnosis("network", "No network.", "Wait.", permanent=False)
    failed = Finding(step="token", outcome=Outcome.FAILED, detail="x", diagnosis=diagnosis)
    credential = Credential(state="active")
    note_trial(credential, Report((failed,)), NOW)
    assert credential.state == "active"
    assert credential.verification == Report((failed,)).to_dict()
