"""Which credential a conversation talks with. Pure: the rows and the time are passed in."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from django.db.models import Q

from accounts.models import Credential

State = Credential.State

# Nobody has shown yet that these work, or they leave: good enough while somebody made them the
# primary one, and never what steps in.
_ONLY_AS_PRIMARY = frozenset({State.PENDING, State.VERIFYING, State.RETIRING})


class Row(Protocol):
    """What of a `Credential` the choice looks at."""

    @property
    def pk(self) -> UUID: ...
    @property
    def state(self) -> str: ...
    @property
    def is_primary(self) -> bool: ...
    @property
    def position(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def rests_until(self) -> datetime | None: ...


AnyRow = TypeVar("AnyRow", bound=Row)


def is_usable(row: Row, now: datetime) -> bool:
    """Whether a conversation may begin on it."""
    if row.state == State.FAILING:
        return row.rests_until is not None and row.rests_until <= now
    return row.state == State.ACTIVE or (row.is_primary and row.state in _ONLY_AS_PRIMARY)


def is_resting(row: Row, now: datetime) -> bool:
    """Whether it fails now and comes back by itself."""
    return row.state == State.FAILING and row.rests_until is not None and row.rests_until > now


def in_order(rows: Iterable[AnyRow]) -> list[AnyRow]:
    """The primary one first, then the standbys in their order, the older before the newer."""
    return sorted(rows, key=lambda row: (not row.is_primary, row.position, row.created_at))


def usable_ones(rows: Iterable[AnyRow], now: datetime) -> list[AnyRow]:
    """What a conversation may begin on, the best first."""
    return [row for row in in_order(rows) if is_usable(row, now)]


def credential_in_use(now: datetime) -> Credential | None:
    """What a conversation in the tenant's scope would begin on; what comes first in order where
    none can be used."""
    rows = in_order(Credential.objects.exclude(state=State.REVOKED))
    return next(iter([*usable_ones(rows, now), *rows]), None)


def usable_at(now: datetime) -> Q:
    """`is_usable` as a condition on credentials."""
    return (
        Q(state=State.ACTIVE)
        | Q(state=State.FAILING, rests_until__lte=now)
        | Q(state__in=_ONLY_AS_PRIMARY, is_primary=True)
    )


def failing_at(now: datetime) -> Q:
    """The credentials that a conversation should be able to begin on, and cannot."""
    fails = Q(state__in=(State.FAILING, State.UNDECRYPTABLE))
    return fails & ~Q(state=State.FAILING, rests_until__isnull=False, rests_until__lte=now)
