"""What a conversation is connected with: the best credential that opens, and what stands behind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from accounts.credentials import (
    CredentialsFailing,
    CredentialsResting,
    CredentialUnusable,
    NoCredential,
    is_simulated,
    live_connection_settings,
)
from accounts.failover.choice import in_order, is_resting, is_usable
from accounts.models import Credential
from live import Auth, Endpoint

_TO_THE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to the service. `has_standby` tells whether another one can step in."""

    credential_id: UUID
    version: int
    endpoint: Endpoint
    auth: Auth = field(repr=False)
    has_standby: bool = False

    def shares_sessions_with(self, other: "Line") -> bool:
        """Whether a session of one may be resumed on the other: they reach the same project."""
        if self.credential_id == other.credential_id:
            return True
        return self.endpoint.is_vertex and self.endpoint == other.endpoint


def best_line(
    tenant_id: UUID,
    now: datetime,
    *,
    without: Line | None = None,
    for_tests: bool = False,
    at: Credential.Endpoint | None = None,
) -> Line:
    """The tenant's best credential that can be used at `now`. Needs a scope that sees its rows.

    `without` is a line that has failed just now; `for_tests` takes none that leads to Google, and
    is no matter of the primary one; with `at` only those of that endpoint count. A row of which
    the secret does not open gives way to the next one. Notes that the credential was used, once a
    minute.

    Raises:
        CredentialUnusable: no credential can be used, or there is none.
    """
    failed = (without.credential_id, without.version) if without else None
    rows = in_order(Credential.objects.filter(tenant_id=tenant_id))
    if at is not None:
        rows = [row for row in rows if row.endpoint == at]
    if for_tests:
        rows = [row for row in rows if is_simulated(row)]
    problems: list[CredentialUnusable] = []
    usable = [row for row in rows if is_usable(row, now) and (row.pk, row.version) != failed]
    for place, row in enumerate(usable):
        try:
            endpoint, auth = live_connection_settings(row)
        except CredentialUnusable as problem:
            problems.append(problem)
            continue
        _note_use(row, now)
        return Line(row.pk, row.version, endpoint, auth, has_standby=place + 1 < len(usable))
    raise next(iter([*problems, *_why_none(tenant_id, rows, now)]))


def _why_none(
    tenant_id: UUID, rows: list[Credential], now: datetime
) -> Iterator[CredentialUnusable]:
    if any(is_resting(row, now) for row in rows):
        yield CredentialsResting()
    if any(row.state == Credential.State.FAILING for row in rows):
        yield CredentialsFailing()
    if rows and rows[0].is_primary:
        try:
            live_connection_settings(rows[0])
        except CredentialUnusable as problem:
            yield problem
    yield NoCredential(tenant_id)


def _note_use(row: Credential, now: datetime) -> None:
    if row.last_used_at is None or now - row.last_used_at >= _TO_THE_MINUTE:
        older = Q(last_used_at=None) | Q(last_used_at__lte=now - _TO_THE_MINUTE)
        Credential.objects.filter(older, pk=row.pk).update(last_used_at=now)
