import json

import live
from live.errors import Diagnosis
from live.findings import Finding, Outcome, Report

TOKEN = Finding(
    step="token",
    outcome=Outcome.OK,
    detail="There is one.",
    duration_ms=12.5,
    expires_in=3599.0,
    scopes=("a", "b"),
)
REFUSED = Finding(
    step="setup",
    outcome=Outcome.FAILED,
    detail="It was refused.",
    status=1008,
    reason="No.",
    diagnosis=Diagnosis("refused", "It was refused.", "Ask again."),
)
SKIPPED = Finding(step="close", outcome=Outcome.SKIPPED, detail="Not tried.")


def test_a_report_without_a_failure_is_ok() -> None:
    report = Report((TOKEN, SKIPPED))
    assert report.ok
    assert report.failure is None


def test_a_report_names_what_failed() -> None:
    report = Report((TOKEN, REFUSED, SKIPPED))
    assert not report.ok
    assert report.failure is REFUSED


def test_a_report_as_json() -> None:
    shown = json.loads(json.dumps(Report((TOKEN, REFUSED)).to_dict()))
    assert shown["ok"] is False
    token, refused = shown["findings"]
    assert token == {
        "step": "token",
        "outcome": "ok",
        "detail": "There is one.",
        "duration_ms": 12.5,
        "status": None,
        "reason": "",
        "diagnosis": None,
        "expires_in": 3599.0,
        "scopes": ["a", "b"],
    }
    assert (refused["outcome"], refused["status"]) == ("failed", 1008)
    assert refused["diagnosis"] == {
        "code": "refused",
        "summary": "It was refused.",
        "fix": "Ask again.",
        "permanent": True,
        "retry_after": None,
    }


def test_the_package_exports_them() -> None:
    assert (live.Finding, live.Outcome, live.Report) == (Finding, Outcome, Report)
