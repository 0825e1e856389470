"""What `live.diagnose` gives: a finding for each step, and the report that they make."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any

from live.errors import Diagnosis

__all__ = ["Finding", "Outcome", "Report"]


class Outcome(enum.StrEnum):
    """How a step ended. One is skipped when it is not needed, or a step before it failed."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one step on the way to a session went.

    `detail` is a sentence for people; nothing here is secret. `duration_ms` is 0.0 for a step
    that was not tried. `status` is what the other end answered, as `LiveError.status` is: 101 for
    a handshake and 1000 for a close that went well. `reason` is its text, if it gave one.

    A failed step has a `diagnosis`. Where a token was made, `expires_in` is how long it holds, in
    seconds, and `scopes` is what it was asked for: empty when a sign-in settled that.
    """

    step: str
    outcome: Outcome
    detail: str
    duration_ms: float = 0.0
    status: int | None = None
    reason: str = ""
    diagnosis: Diagnosis | None = None
    expires_in: float | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, in the order in which it was tried."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no step failed: a conversation can be held."""
        return self.failure is None

    @property
    def failure(self) -> Finding | None:
        """The step that failed: one at most, since nothing is tried after it."""
        return next((each for each in self.findings if each.outcome is Outcome.FAILED), None)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it: `ok`, and `findings` with the fields of `Finding`."""
        return {"ok": self.ok, "findings": [asdict(each) for each in self.findings]}
