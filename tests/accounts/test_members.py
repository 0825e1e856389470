from collections.abc import Iterator
from contextvars import Context

import pytest

from accounts.callers import Caller
from accounts.members import LastOwner, OwnersOnly, change_role, check_may_give, members, set_state
from accounts.models import AuditEntry, Membership
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db
ACTIVE, DISABLED = Membership.State.ACTIVE, Membership.State.DISABLED


@pytest.fixture(autouse=True)
def in_acme(cast: Cast) -> Iterator[None]:
    with tenant_scope(cast.acme.tenant.pk):
        yield


def caller(cast: Cast, role: Role) -> Caller:
    person = getattr(cast.acme, role.value)
    return Caller(cast.acme.tenant.pk, user_id=person.pk, role=role)


def row(cast: Cast, role: Role) -> Membership:
    membership: Membership = Membership.objects.get(user=getattr(cast.acme, role.value))
    return membership


def test_the_list_is_the_tenants(cast: Cast) -> None:
    set_state(row(cast, Role.ADMIN).pk, DISABLED, caller(cast, Role.OWNER))
    people = [member.user.email for member in members()]
    assert people == [
        f"{name}@acme.example" for name in ("developer", "member", "owner", "reviewer", "admin")
    ]


def test_a_role_is_changed_and_recorded(cast: Cast) -> None:
    change_role(row(cast, Role.MEMBER).pk, Role.REVIEWER, caller(cast, Role.ADMIN))
    assert Membership.objects.get(user=cast.acme.member).role == Role.REVIEWER
    entry = AuditEntry.objects.get(action="membership.role-changed")
    assert (entry.before, entry.after) == ({"role": "member"}, {"role": "reviewer"})
    assert entry.actor == f"user:{cast.acme.admin.pk}"


def test_a_member_is_disabled_and_let_in_again(cast: Cast) -> None:
    pk = row(cast, Role.MEMBER).pk
    assert set_state(pk, DISABLED, caller(cast, Role.ADMIN)).state == DISABLED
    assert set_state(pk, ACTIVE, caller(cast, Role.ADMIN)).state == ACTIVE
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"membership.disabled", "membership.enabled"} <= actions


def test_the_last_owner_stays(cast: Cast) -> None:
    pk, owner = row(cast, Role.OWNER).pk, caller(cast, Role.OWNER)
    with pytest.raises(LastOwner):
        change_role(pk, Role.ADMIN, owner)
    with pytest.raises(LastOwner):
        set_state(pk, DISABLED, owner)
    change_role(row(cast, Role.ADMIN).pk, Role.OWNER, owner)
    assert change_role(pk, Role.MEMBER, owner).role == Role.MEMBER


@pytest.mark.parametrize("gone", ["disabled", "closed account"])
def test_an_owner_who_cannot_come_does_not_count(cast: Cast, gone: str) -> None:
    owner = caller(cast, Role.OWNER)
    second = change_role(row(cast, Role.ADMIN).pk, Role.OWNER, owner)
    if gone == "disabled":
        set_state(second.pk, DISABLED, owner)
    else:
        cast.acme.admin.is_active = False
        cast.acme.admin.save()
    with pytest.raises(LastOwner):
        change_role(row(cast, Role.OWNER).pk, Role.ADMIN, owner)


def test_admins_neither_make_nor_change_owners(cast: Cast) -> None:
    admin = caller(cast, Role.ADMIN)
    with pytest.raises(OwnersOnly):
        change_role(row(cast, Role.MEMBER).pk, Role.OWNER, admin)
    with pytest.raises(OwnersOnly):
        set_state(row(cast, Role.OWNER).pk, DISABLED, admin)
    with pytest.raises(OwnersOnly):
        check_may_give(Role.OWNER, admin)


def test_another_tenants_member_is_not_found(cast: Cast) -> None:
    pk = row(cast, Role.MEMBER).pk
    elsewhere = Caller(cast.globex.tenant.pk, user_id=cast.globex.owner.pk, role=Role.OWNER)
    globex = cast.globex.tenant.pk

    def attempt() -> None:
        with tenant_scope(globex), pytest.raises(Membership.DoesNotExist):
            change_role(pk, Role.ADMIN, elsewhere)

    Context().run(attempt)  # outside the fixture's scope
    assert Membership.objects.get(pk=pk).role == Role.MEMBER
