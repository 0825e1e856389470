import dataclasses
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.api_keys import create_api_key
from accounts.callers import (
    ACTIVE_TENANT,
    Caller,
    SecondFactorRequired,
    TenantSuspended,
    caller_from_api_key,
    caller_from_session,
    memberships_of,
)
from accounts.ids import uuid7
from accounts.models import Membership, Tenant, User
from accounts.roles import Permission, Role
from accounts.tenancy import current_scope, platform_scope
from tests.cast import Cast


def join(user: User, tenant: Tenant, role: Role = Role.MEMBER) -> None:
    with platform_scope("test"):
        Membership.objects.create(user=user, tenant=tenant, role=role)


def suspend(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)


def test_a_person_in_one_tenant(cast: Cast) -> None:
    caller = caller_from_session(cast.acme.reviewer, {})
    assert caller == Caller(
        tenant_id=cast.acme.tenant.pk, user_id=cast.acme.reviewer.pk, role=Role.REVIEWER
    )
    assert caller.may(Permission.REVIEW_CONVERSATIONS)
    assert not caller.may(Permission.MANAGE_MEMBERS)
    assert caller.actor == f"user:{cast.acme.reviewer.pk}"
    assert caller.is_authenticated
    assert current_scope() is None


def test_nobody(cast: Cast) -> None:
    assert caller_from_session(AnonymousUser(), {}) is None
    assert caller_from_session(cast.stranger, {}) is None
    cast.acme.owner.is_active = False
    assert caller_from_session(cast.acme.owner, {}) is None


def test_a_disabled_membership_counts_as_none(cast: Cast) -> None:
    with platform_scope("test"):
        Membership.objects.filter(user=cast.acme.member).update(state=Membership.State.DISABLED)
    assert memberships_of(cast.acme.member) == []
    assert caller_from_session(cast.acme.member, {}) is None


def test_the_chosen_tenant(cast: Cast) -> None:
    join(cast.acme.owner, cast.globex.tenant, Role.MEMBER)
    globex = str(cast.globex.tenant.pk)
    first = caller_from_session(cast.acme.owner, {})
    chosen = caller_from_session(cast.acme.owner, {ACTIVE_TENANT: globex})
    assert first is not None
    assert chosen is not None
    assert (first.tenant_id, first.role) == (cast.acme.tenant.pk, Role.OWNER)
    assert (chosen.tenant_id, chosen.role) == (cast.globex.tenant.pk, Role.MEMBER)


@pytest.mark.parametrize("choice", ["", "nonsense", "01a20000-0000-7000-8000-000000000000"])
def test_a_choice_that_is_no_membership(cast: Cast, choice: str) -> None:
    caller = caller_from_session(cast.acme.owner, {ACTIVE_TENANT: choice})
    assert caller is not None
    assert caller.tenant_id == cast.acme.tenant.pk


def test_a_tenant_of_others_cannot_be_chosen(cast: Cast) -> None:
    caller = caller_from_session(cast.acme.owner, {ACTIVE_TENANT: str(cast.globex.tenant.pk)})
    assert caller is not None
    assert caller.tenant_id == cast.acme.tenant.pk


def test_suspended(cast: Cast) -> None:
    suspend(cast.acme.tenant)
    with pytest.raises(TenantSuspended):
        caller_from_session(cast.acme.owner, {})
    with pytest.raises(TenantSuspended):
        caller_from_api_key(cast.acme.api_key)
    join(cast.acme.owner, cast.globex.tenant)
    caller = caller_from_session(cast.acme.owner, {})
    assert caller is not None
    assert caller.tenant_id == cast.globex.tenant.pk
    with pytest.raises(TenantSuspended):
        caller_from_session(cast.acme.owner, {ACTIVE_TENANT: str(cast.acme.tenant.pk)})


def test_an_api_key(cast: Cast) -> None:
    caller = caller_from_api_key(cast.acme.api_key)
    assert caller is not None
    assert caller.tenant_id == cast.acme.tenant.pk
    assert caller.user_id is None
    assert caller.may(Permission.READ_API)
    assert not caller.may(Permission.MANAGE_CREDENTIALS)
    assert caller.actor == f"key:{caller.api_key_id}"
    assert caller.pk == caller.api_key_id


def test_no_api_key(cast: Cast) -> None:
    now = timezone.now()
    _, expired = create_api_key(cast.acme.tenant, "old", ["read"], expires_at=now)
    assert caller_from_api_key(expired, now=now + timedelta(seconds=1)) is None
    assert caller_from_api_key("") is None
    assert caller_from_api_key(cast.acme.api_key[:-1]) is None


def test_operators_are_callers_where_they_are_members(cast: Cast) -> None:
    assert caller_from_session(cast.operator, {}) is None
    join(cast.operator, cast.acme.tenant)
    caller = caller_from_session(cast.operator, {})
    assert caller is not None
    assert caller.user_id == cast.operator.pk
    assert not caller.may(Permission.MANAGE_CREDENTIALS)


def test_a_caller_cannot_be_changed() -> None:
    caller = Caller(tenant_id=uuid7())
    with pytest.raises(dataclasses.FrozenInstanceError):
        caller.role = Role.OWNER  # type: ignore[misc]
    assert not any(caller.may(permission) for permission in Permission)


def test_a_tenant_may_ask_for_a_second_factor(cast: Cast, keyset_file: object) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    with pytest.raises(SecondFactorRequired) as refused:
        caller_from_session(cast.acme.member, {})
    assert (refused.value.code, bool(refused.value.fix)) == ("second-factor-required", True)
    assert caller_from_session(cast.globex.member, {}) is not None
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    assert caller_from_session(cast.acme.member, {}) is not None
    assert caller_from_api_key(cast.acme.api_key) is not None
