"""Whether a credential works: a real session, opened and closed again, step by step."""

import asyncio
from datetime import datetime

from accounts.credentials import (
    CredentialUnusable,
    forget_failure,
    trial_connection_settings,
)
from accounts.models import Credential
from live import Finding, Outcome, Report, diagnose
from live.errors import Diagnosis

MODEL = "gemini-3.8-live"
STEP_S = 10.0
_STEP = "credential"  # comes before the ones of the library
# What `note_trial` may have changed.
NOTED = (
    *("state", "verified_at", "verification"),
    *("failed_at", "failure_code", "failure", "rests_until", "failures_in_row"),
)
_UNMOVED = frozenset({Credential.State.REVOKED, Credential.State.RETIRING})


def try_credential(credential: Credential, *, model: str = MODEL, step_s: float = STEP_S) -> Report:
    """Try a credential, which need not be stored; nothing is written.

    It takes up to `step_s` seconds for each step: never inside a transaction, which would hold
    SQLite's one writer that long, and never on an event loop.
    """
    try:
        endpoint, auth = trial_connection_settings(credential)
    except CredentialUnusable as error:
        return Report((_unusable(error),))
    first = Finding(
        step=_STEP,
        outcome=Outcome.OK,
        detail=f"{credential.get_kind_display()}, for {endpoint.base_url}.",
    )
    found = asyncio.run(diagnose(endpoint, auth, model, timeout=step_s))
    return Report((first, *found.findings))


def note_trial(credential: Credential, report: Report, now: datetime) -> None:
    """Put the outcome into the row, which is not saved here.

    A failure that passes by itself, such as a network's, says nothing about the credential:
    its state stays.
    """
    credential.verified_at = now
    credential.verification = report.to_dict()
    if credential.state in _UNMOVED:
        return
    diagnosis = report.failure.diagnosis if report.failure else None
    if report.ok:
        credential.state = Credential.State.ACTIVE
        forget_failure(credential)
    elif diagnosis is not None and diagnosis.permanent:
        credential.state = Credential.State.FAILING
        credential.failed_at = credential.failed_at or now
        credential.failure_code = diagnosis.code
        credential.failure = f"{diagnosis.summary} {diagnosis.fix}"[:400]
        credential.rests_until = None


def _unusable(error: CredentialUnusable) -> Finding:
    summary = str(error).removesuffix(error.fix).strip()
    diagnosis = Diagnosis(error.code, summary, error.fix)
    return Finding(step=_STEP, outcome=Outcome.FAILED, detail=summary, diagnosis=diagnosis)
