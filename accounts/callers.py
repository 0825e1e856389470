"""Who calls: a person with a browser session, or a program with an API key.

The functions run ORM queries: from asynchronous code call them through `in_database`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase

from accounts.api_keys import find_api_key
from accounts.models import Membership, Tenant, User
from accounts.roles import Permission, Role, allows, scope_allows
from accounts.sign_in import has_second_factor
from accounts.tenancy import platform_scope

logger = logging.getLogger(__name__)

# Where the session keeps the tenant that its user has chosen.
ACTIVE_TENANT = "active_tenant"


# AccessBarred
# ├── TenantSuspended         nobody of the tenant gets in
# └── SecondFactorRequired    this person has to set up a second factor first
class AccessBarred(Exception):
    """The caller is known, but may not go on yet. HTTP answers 403; `fix` is for the caller."""

    code = "access-barred"
    fix = "Ask the operator of this service."


class TenantSuspended(AccessBarred):
    code = "tenant-suspended"
    fix = "Ask the operator of this service to resume the organisation."

    def __init__(self) -> None:
        super().__init__("This organisation is suspended.")


class SecondFactorRequired(AccessBarred):
    code = "second-factor-required"
    fix = "Set one up in your account, under Second factor, then go on."

    def __init__(self) -> None:
        super().__init__("This organisation asks its members for a second factor.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for which tenant. Either `user_id` or `api_key_id` is set."""

    tenant_id: UUID
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    role: Role | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    is_operator: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role, or a scope of its key, allows `permission`."""
        if self.role is not None:
            return allows(self.role, permission)
        return any(scope_allows(scope, permission) for scope in self.scopes)

    @property
    def actor(self) -> str:
        """The caller as the audit table names it."""
        return f"user:{self.user_id}" if self.user_id else f"key:{self.api_key_id}"

    # Django REST framework asks these two of what stands at `request.user`.
    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def pk(self) -> UUID | None:
        return self.user_id or self.api_key_id


def memberships_of(user: User) -> list[Membership]:
    """The user's active memberships, oldest first, each with its tenant loaded."""
    with platform_scope("look up a user's memberships"):
        rows = Membership.objects.filter(user=user, state=Membership.State.ACTIVE)
        return list(rows.select_related("tenant").order_by("id"))


def caller_from_session(
    user: User | AnonymousUser, session: SessionBase | Mapping[str, Any]
) -> Caller | None:
    """The caller behind a browser session, for the tenant chosen in it, or else for the first
    active tenant. None for a user who is not logged in, not active, or in no tenant.

    Raises:
        TenantSuspended: the chosen tenant, or every tenant of the user, is suspended.
        SecondFactorRequired: the tenant wants one, and the user has none.
    """
    if not isinstance(user, User) or not user.is_active:
        return None
    membership = _active_membership(memberships_of(user), session.get(ACTIVE_TENANT))
    if membership is None:
        return None
    if not membership.tenant.is_active:
        raise TenantSuspended
    if membership.tenant.requires_mfa and not has_second_factor(user):
        raise SecondFactorRequired
    return Caller(
        tenant_id=membership.tenant_id,
        user_id=user.pk,
        role=Role(membership.role),
        is_operator=user.is_superuser,
    )


def _active_membership(memberships: list[Membership], chosen: str | None) -> Membership | None:
    for membership in memberships:
        if str(membership.tenant_id) == chosen:
            return membership
    active = (membership for membership in memberships if membership.tenant.is_active)
    return next(active, memberships[0] if memberships else None)


def caller_from_api_key(text: str, *, now: datetime | None = None) -> Caller | None:
    """The caller behind an API key, or None for one that is unknown, revoked or expired.

    Raises:
        TenantSuspended: the key is good, but its tenant is suspended.
    """
    key = find_api_key(text, now=now)
    if key is None:
        return None
    if key.tenant.state != Tenant.State.ACTIVE:
        raise TenantSuspended
    return Caller(tenant_id=key.tenant_id, api_key_id=key.pk, scopes=frozenset(key.scopes))
