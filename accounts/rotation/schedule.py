"""Rotations that a schedule begins, and what people are reminded of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from accounts.audit import SYSTEM, record
from accounts.letters import write_to_staff
from accounts.models import Credential, CredentialRotation
from accounts.roles import Permission
from accounts.rotation.key_pair import due_at
from accounts.rotation.progress import State
from accounts.rotation.requests import RotationRefused, request_rotation
from accounts.tenancy import platform_scope, tenant_scope

SHORTEST_DAYS: Final = 7
LONGEST_DAYS: Final = 365
REMIND_BEFORE: Final = timedelta(days=7)
REMIND_EVERY: Final = timedelta(days=7)
# After a rotation that was rolled back, so that a fault does not make and delete keys all day.
AGAIN_AFTER: Final = timedelta(days=1)


def set_schedule(credential: Credential, days: int | None, *, by_itself: bool, actor: str) -> None:
    """Rotate every so many days, or only remind of it; None for never. In the tenant's scope.

    Raises:
        ValueError: the days are not within SHORTEST_DAYS and LONGEST_DAYS.
    """
    if days is not None and not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        raise ValueError(f"Between {SHORTEST_DAYS} and {LONGEST_DAYS} days.")
    before = {"days": credential.rotate_every_days, "by_itself": credential.rotates_by_itself}
    credential.rotate_every_days = days
    credential.rotation_due_at = due_at(credential.created_at, days)
    credential.rotates_by_itself = by_itself
    credential.rotation_reminded_at = None
    credential.save(
        update_fields=[
            "rotate_every_days",
            "rotates_by_itself",
            "rotation_due_at",
            "rotation_reminded_at",
        ]
    )
    after = {"days": days, "by_itself": by_itself}
    record("rotation.scheduled", credential, actor=actor, before=before, after=after)


def begin_due_rotations(now: datetime) -> int:
    """Request a rotation for each credential whose time has come. Returns how many."""
    begun = 0
    for credential in _scheduled(now, rotates_by_itself=True):
        with tenant_scope(credential.tenant_id):
            if not _was_tried_lately(credential, now):
                begun += _begin(credential, now)
    return begun


def remind(now: datetime) -> int:
    """Write to the staff of each credential that is to be rotated soon, or by hand. Returns for
    how many. Two at once write once."""
    reminded = 0
    for credential in _scheduled(now + REMIND_BEFORE):
        with tenant_scope(credential.tenant_id):
            if _takes_reminder(credential, now):
                _write_reminder(credential, now)
                reminded += 1
    return reminded


def _begin(credential: Credential, now: datetime) -> bool:
    try:
        request_rotation(credential, actor=SYSTEM, now=now)
    except RotationRefused:
        return False  # one is under way, or the reminder of it says what is in the way
    return True


def _scheduled(now: datetime, **fields: bool) -> Iterator[Credential]:
    """Credentials of every tenant that are to be rotated by `now`."""
    with platform_scope("which keys are to be rotated"):
        rows = list(_due_by(now).filter(**fields))
    yield from rows


def _due_by(now: datetime) -> QuerySet[Credential]:
    return Credential.objects.filter(
        kind=Credential.Kind.SERVICE_ACCOUNT,
        state=Credential.State.ACTIVE,
        rotation_due_at__lte=now,
    )


def _was_tried_lately(credential: Credential, now: datetime) -> bool:
    lately = Q(ended_at=None) | Q(ended_at__gt=now - AGAIN_AFTER)
    return CredentialRotation.objects.filter(
        lately, Q(old=credential) | Q(new=credential) & ~Q(state=State.DONE)
    ).exists()


def _takes_reminder(credential: Credential, now: datetime) -> bool:
    """Whether it was not reminded of lately; notes that it is now."""
    if credential.rotates_by_itself:
        fresh = Q(rotation_reminded_at=None)
    else:
        fresh = Q(rotation_reminded_at=None) | Q(rotation_reminded_at__lte=now - REMIND_EVERY)
    rows = Credential.objects.filter(fresh, pk=credential.pk)
    return bool(rows.update(rotation_reminded_at=now))


def _write_reminder(credential: Credential, now: datetime) -> None:
    context = {
        "credential": credential,
        "is_over": credential.rotation_due_at is not None and credential.rotation_due_at <= now,
    }
    write_to_staff(
        credential.tenant_id, Permission.MANAGE_CREDENTIALS, "rotation_reminder", context
    )
