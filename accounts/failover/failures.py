"""A credential fails: it is noted once, whoever finds out, and it comes back by itself or not.

Everything here runs in a database thread, in a scope that sees the tenant's rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.audit import SYSTEM, record
from accounts.failover.choice import usable_ones
from accounts.letters import write_to_staff
from accounts.models import Credential
from accounts.roles import Permission
from accounts.signals import credential_failed
from accounts.tenancy import platform_scope
from live import CredentialError, LiveError, QuotaError

# A quota that is used up again right after it came back is given more and more time.
SHORTEST_REST = timedelta(seconds=60)
LONGEST_REST = timedelta(hours=1)
# Failures that lie further apart than this have nothing to do with each other.
_SAME_TROUBLE = 2 * LONGEST_REST
_MOST_IN_ROW = 20
_GIVES_WAY = frozenset(
    {
        Credential.State.ACTIVE,
        Credential.State.PENDING,
        Credential.State.VERIFYING,
        Credential.State.FAILING,
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a session found out about the credential that it ran on.

    `rest` is how long it is left alone before it is tried again; None if it cannot work before
    somebody does something. `text` may be shown.
    """

    code: str
    text: str
    rest: timedelta | None = None


def failure_of(error: LiveError) -> Failure | None:
    """What an error says about the credential; None when it says nothing about it.

    An error that passes by itself is the credential's only when it is a quota's: the clock of
    this server, or a token endpoint that is down, would stop every other one as well.
    """
    text = f"{error.diagnosis.summary} {error.fix}"[:400]
    if isinstance(error, QuotaError):
        rest = max(SHORTEST_REST, timedelta(seconds=error.retry_after or 0))
        return Failure(error.code, text, min(rest, LONGEST_REST))
    if isinstance(error, CredentialError) and error.permanent:
        return Failure(error.code, text)
    return None


def note_failure(credential_id: UUID, version: int, failure: Failure, now: datetime) -> bool:
    """Put the failure into the row, the audit and a letter. Returns whether it was news.

    Fifty sessions that fail together are one failure: the first one notes it, under
    a lock of the row. A failure of another secret than the row's own is none.
    """
    with transaction.atomic():
        credential = (
            Credential.objects.select_for_update().filter(pk=credential_id, version=version).first()
        )
        if credential is None or not _is_news(credential, failure, now):
            return False
        before = {"state": credential.state}
        _mark(credential, failure, now)
        record(
            "credential.failed",
            credential,
            actor=SYSTEM,
            before=before,
            after={"state": credential.state, "problem": failure.code},
        )
        credential_failed.send(Credential, credential=credential)
        if credential.failures_in_row == 1 or failure.rest is None:
            _tell(credential, now)
    return True


def _is_news(credential: Credential, failure: Failure, now: datetime) -> bool:
    if credential.state not in _GIVES_WAY:
        return False
    if credential.state != Credential.State.FAILING:
        return True
    if credential.rests_until is None:
        return False
    return failure.rest is None or credential.rests_until <= now


def _mark(credential: Credential, failure: Failure, now: datetime) -> None:
    again = credential.failed_at is not None and now - credential.failed_at < _SAME_TROUBLE
    in_row = min(_MOST_IN_ROW, credential.failures_in_row + 1) if again else 1
    credential.state = Credential.State.FAILING
    credential.failed_at = now
    credential.failure_code, credential.failure = failure.code, failure.text
    credential.failures_in_row = in_row
    credential.rests_until = None
    if failure.rest is not None:
        credential.rests_until = now + min(LONGEST_REST, failure.rest * 2 ** (in_row - 1))
    credential.save(
        update_fields=[
            *("state", "failed_at", "failure_code", "failure", "failures_in_row", "rests_until")
        ]
    )


def bring_back(now: datetime) -> int:
    """Take the credentials whose rest is over into service again. Returns how many there were."""
    with platform_scope("credentials that come back"):
        rested = list(_rested(now).values_list("pk", flat=True))
        return sum(_bring_back(pk, now) for pk in rested)


def _rested(now: datetime) -> QuerySet[Credential]:
    return Credential.objects.filter(state=Credential.State.FAILING, rests_until__lte=now)


def _bring_back(pk: UUID, now: datetime) -> bool:
    with transaction.atomic():
        credential = _rested(now).select_for_update().filter(pk=pk).first()
        if credential is None:
            return False
        credential.state = Credential.State.ACTIVE
        credential.rests_until = None
        credential.save(update_fields=["state", "rests_until"])
        after = {"state": credential.state}
        before = {"state": Credential.State.FAILING.value}
        record("credential.came-back", credential, actor=SYSTEM, before=before, after=after)
    return True


def _tell(credential: Credential, now: datetime) -> None:
    others = usable_ones(Credential.objects.filter(tenant=credential.tenant_id), now)
    context = {"credential": credential, "instead": others[0] if others else None}
    name = "credential_failing" if others else "credentials_all_failing"
    write_to_staff(credential.tenant_id, Permission.MANAGE_CREDENTIALS, name, context)
