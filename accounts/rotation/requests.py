"""What people, and the schedule, ask of rotations."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts.audit import record
from accounts.models import Credential, CredentialRotation
from accounts.rotation.driving import key_is_shared
from accounts.rotation.progress import Demand, State
from accounts.rotation.states import allowed

_ROTATABLE = frozenset({Credential.State.ACTIVE, Credential.State.FAILING})


class RotationRefused(Exception):
    """It cannot be rotated now. `fix` says what to do."""

    def __init__(self, summary: str, *, fix: str) -> None:
        super().__init__(summary)
        self.fix = fix


def request_rotation(
    credential: Credential, *, actor: str, now: datetime, by_itself: bool = True
) -> CredentialRotation:
    """Begin to rotate the key of a credential; the next run of the task takes it up. In the
    tenant's scope or a wider one.

    Args:
        actor: who asks for it, as the audit names her.
        by_itself: promote the new key once it is verified; otherwise a person does.

    Raises:
        RotationRefused: its key cannot be rotated, or is already being.
    """
    with transaction.atomic():
        row = Credential.objects.select_for_update().get(pk=credential.pk)
        _check(row)
        rotation = CredentialRotation.objects.create(
            tenant_id=row.tenant_id,
            old=row,
            name=row.name,
            client_email=row.client_email,
            old_version=row.version,
            was_primary=row.is_primary,
            old_key=row.key_id,
            by_itself=by_itself,
            requested_by=actor,
            since=now,
            created_at=now,
            due_at=now,
            steps=[{"state": State.REQUESTED, "at": now.isoformat()}],
        )
        after = {"rotation": str(rotation.pk), "by_itself": by_itself}
        record("rotation.requested", row, actor=actor, after=after)
    return rotation


def demand(rotation: CredentialRotation, what: Demand, *, actor: str, now: datetime) -> bool:
    """Note what a person wants of a rotation; whoever drives it heeds that before the next step.
    False if it comes too late."""
    with transaction.atomic():
        held = CredentialRotation.objects.select_for_update().get(pk=rotation.pk)
        if what not in allowed(held.progress()):
            return False
        held.demand, held.demanded_by, held.due_at = what, actor, now
        held.save(update_fields=["demand", "demanded_by", "due_at"])
        after = {"demand": what, "state": held.state}
        record("rotation.demanded", held.old or held, actor=actor, after=after)
    return True


def open_rotation_of(credential: Credential) -> CredentialRotation | None:
    """The rotation that runs from or to this credential."""
    either = Q(old=credential) | Q(new=credential)
    return CredentialRotation.objects.filter(either, ended_at=None).first()


def can_be_rotated(credential: Credential) -> bool:
    """Whether it is worth offering; `request_rotation` looks closer."""
    return (
        credential.kind == Credential.Kind.SERVICE_ACCOUNT
        and credential.state in _ROTATABLE
        and bool(credential.client_email and credential.key_id)
    )


def _check(row: Credential) -> None:
    if row.kind != Credential.Kind.SERVICE_ACCOUNT:
        raise RotationRefused(
            "Only the key of a service account can be rotated from here.",
            fix="Make a new API key at Google, add it, make it primary, and revoke this one.",
        )
    if open_rotation_of(row):
        raise RotationRefused("Its key is being rotated already.", fix="Wait until that has ended.")
    if not can_be_rotated(row):
        raise RotationRefused(
            f"A credential that is {row.get_state_display().lower()} cannot be rotated.",
            fix="Verify it first; a key that does not work any more has to be replaced by hand.",
        )
    if key_is_shared(row.tenant_id, row.client_email, row.key_id, [row.pk]):
        raise RotationRefused(
            "Another credential uses the same key, which would be deleted.",
            fix="Give each credential a key of its own, or revoke the one that is not needed.",
        )
