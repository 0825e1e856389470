"""Who belongs to a tenant, as its owners and admins change it."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Membership
from accounts.roles import Permission, Role


# MemberRefused
# ├── LastOwner     nobody would be left to own the organisation
# └── OwnersOnly    an admin reached for what only owners do
class MemberRefused(Exception):
    """The change is not made. The text says why, and what would do."""

    code = "member-refused"


class LastOwner(MemberRefused):
    code = "last-owner"

    def __init__(self) -> None:
        super().__init__(
            "This is the organisation's last owner. Make somebody else an owner first."
        )


class OwnersOnly(MemberRefused):
    code = "owners-only"

    def __init__(self) -> None:
        super().__init__("Only an owner makes or changes owners. Ask one of them.")


def members() -> QuerySet[Membership]:
    """The members of the current tenant's scope, active ones first, then by e-mail."""
    return Membership.objects.select_related("user").order_by("state", "user__email")


def change_role(membership_id: UUID, role: Role, by: Caller) -> Membership:
    """Give a member another role.

    Raises:
        Membership.DoesNotExist: the current tenant has no such member.
        MemberRefused: the change may not be made.
    """
    with transaction.atomic():
        membership = _claim(membership_id, by)
        check_may_give(role, by)
        if role != Role.OWNER:
            check_may_leave(membership, by)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        record(
            "membership.role-changed",
            membership,
            actor=by.actor,
            before={"role": before},
            after={"role": str(role)},
        )
    return membership


def set_state(membership_id: UUID, state: Membership.State, by: Caller) -> Membership:
    """Disable a member, or let her in again. Raises as `change_role` does."""
    with transaction.atomic():
        membership = _claim(membership_id, by)
        if state == Membership.State.DISABLED:
            check_may_leave(membership, by)
        before, membership.state = membership.state, state
        membership.save(update_fields=["state"])
        record(
            f"membership.{'disabled' if state == Membership.State.DISABLED else 'enabled'}",
            membership,
            actor=by.actor,
            before={"state": before},
            after={"state": str(state)},
        )
    return membership


def check_may_give(role: str, by: Caller) -> None:
    """Raises OwnersOnly unless `by` may make somebody a `role`."""
    if role == Role.OWNER and not by.may(Permission.MANAGE_OWNERS):
        raise OwnersOnly


def check_may_leave(membership: Membership, by: Caller) -> None:
    """Raises MemberRefused unless `by` may take from the member what she is."""
    check_may_give(membership.role, by)
    if is_last_owner(membership):
        raise LastOwner


def is_last_owner(membership: Membership) -> bool:
    """Whether nobody would be left to own the organisation, were it not for this stored row.
    Somebody whose account is closed owns nothing."""
    owners = Membership.objects.filter(
        tenant=membership.tenant_id,
        role=Role.OWNER,
        state=Membership.State.ACTIVE,
        user__is_active=True,
    )
    return set(owners.values_list("pk", flat=True)) == {membership.pk}


def lock_owners(tenant_id: UUID) -> None:
    """Two owners cannot leave at the same moment. To be called in a transaction."""
    owners = Membership.objects.select_for_update().filter(tenant=tenant_id, role=Role.OWNER)
    list(owners.order_by("id"))


def _claim(membership_id: UUID, by: Caller) -> Membership:
    """The row, with every owner's locked."""
    lock_owners(by.tenant_id)
    membership = Membership.objects.select_for_update().get(pk=membership_id)
    check_may_give(membership.role, by)
    return membership
