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
from accounts.audit.place import current_place
from accounts.models import Membership, Tenant, User
from accounts.roles import Permission, Role, allows, scope_allows
from accounts.sign_in import has_second_factor, signed_on_at
from accounts.tenancy import platform_scope

logger = logging.getLogger(__name__)

# Where the session keeps the tenant that its user has chosen.
ACTIVE_TENANT = "active_tenant"


# AccessBarred
# ├── TenantSuspended         nobody of the tenant gets in
# ├── TenantLeaving           only its owners do, and only to look
# ├── SingleSignOnRequired    this person has to come by the tenant's own provider
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


class TenantLeaving(AccessBarred):
    """The tenant is to be deleted. `owner` is the caller if it is one of its owners, who may look
    and take it back; None for everybody else, and once it is being deleted."""

    code = "tenant-leaving"
    fix = "Ask one of its owners: until then they can take that back."

    def __init__(self, owner: "Caller | None" = None, *, is_too_late: bool = False) -> None:
        super().__init__(
            "This organisation is being deleted."
            if is_too_late
            else "This organisation is leaving."
        )
        self.owner = owner
        if is_too_late:
            self.fix = "Nothing can be done about it any more."


class SingleSignOnRequired(AccessBarred):
    code = "single-sign-on-required"
    fix = "Log in with your organisation's account."

    def __init__(self) -> None:
        super().__init__("This organisation asks its members to use single sign-on.")


class AddressNotAllowed(AccessBarred):
    code = "address-not-allowed"
    fix = "Use it from there, or ask an admin to add your address to the key's networks."

    def __init__(self) -> None:
        super().__init__("This API key may be used only from certain networks.")


class SecondFactorRequired(AccessBarred):
    code = "second-factor-required"
    fix = "Set one up in your account, under Second factor, then go on."

    def __init__(self) -> None:
        super().__init__("This organisation asks its members for a second factor.")


@dataclass(frozen=True, slots=True)
class EndUser:
    """A user of the tenant's own application: its own id for them, and what they are called."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for which tenant. One of `user_id`, `api_key_id` and `access_token_id` is set;
    `end_user` is whom the token says it was made for."""

    tenant_id: UUID
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    access_token_id: UUID | None = None
    end_user: EndUser | None = None
    role: Role | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    # Whether the tenant's own identity provider let the person in.
    by_sign_on: bool = False
    # An operator who looks in, see `accounts.visits`.
    visits: bool = False
    # The agents it may have anything to do with; None: all of the tenant.
    agents: frozenset[UUID] | None = None
    # A key for tests: it talks with a simulator, and knows only of such conversations.
    is_test: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role, or a scope of its key, allows `permission`."""
        if self.visits and permission == Permission.TALK:
            return False
        if self.role is not None:
            return allows(self.role, permission)
        return any(scope_allows(scope, permission) for scope in self.scopes)

    def reaches(self, agent_id: UUID) -> bool:
        """Whether the caller may have to do with an agent of its tenant."""
        return self.agents is None or agent_id in self.agents

    @property
    def actor(self) -> str:
        """The caller as the audit table names it."""
        if self.access_token_id:
            return f"token:{self.access_token_id}"
        return f"user:{self.user_id}" if self.user_id else f"key:{self.api_key_id}"

    # Django REST framework asks these two of what stands at `request.user`.
    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def pk(self) -> UUID | None:
        return self.user_id or self.api_key_id or self.access_token_id


def memberships_of(
    user: User, session: SessionBase | Mapping[str, Any] | None = None
) -> list[Membership]:
    """The user's active memberships, oldest first, each with its tenant loaded; with a session
    only those that it counts for."""
    only = signed_on_at(session) if session is not None else None
    with platform_scope("look up a user's memberships"):
        rows = Membership.objects.filter(user=user, state=Membership.State.ACTIVE)
        if only is not None:
            rows = rows.filter(tenant=only)
        return list(rows.select_related("tenant").order_by("id"))


def caller_from_session(
    user: User | AnonymousUser, session: SessionBase | Mapping[str, Any]
) -> Caller | None:
    """The caller behind a browser session, for the tenant chosen in it, or else for the first
    active tenant. None for a user who is not logged in, not active, or in no tenant.

    Raises:
        TenantSuspended: the chosen tenant, or every tenant of the user, is suspended.
        SingleSignOnRequired: the tenant wants it, and the session came by a password.
        TenantLeaving: it is to be deleted.
        SecondFactorRequired: the tenant wants one, and the user has none.
    """
    if not isinstance(user, User) or not user.is_active:
        return None
    memberships = memberships_of(user, session)
    membership = _active_membership(memberships, session.get(ACTIVE_TENANT))
    if membership is None:
        return None
    if membership.tenant.state == Tenant.State.SUSPENDED:
        raise TenantSuspended
    by_sign_on = signed_on_at(session) is not None
    _check_way_in(membership, user, by_sign_on=by_sign_on)
    caller = Caller(
        tenant_id=membership.tenant_id,
        user_id=user.pk,
        role=Role(membership.role),
        by_sign_on=by_sign_on,
    )
    _check_stays(membership.tenant, caller)
    return caller


def check_open(tenant: Tenant, caller: Caller) -> None:
    """Raises TenantSuspended or TenantLeaving where a tenant lets its callers do nothing."""
    if tenant.state == Tenant.State.SUSPENDED:
        raise TenantSuspended
    _check_stays(tenant, caller)


def _check_stays(tenant: Tenant, caller: Caller) -> None:
    """Raises TenantLeaving unless the tenant stays."""
    if tenant.state == Tenant.State.ERASING:
        raise TenantLeaving(is_too_late=True)
    if tenant.state == Tenant.State.LEAVING:
        raise TenantLeaving(caller if caller.may(Permission.LEAVE) else None)


def _check_way_in(membership: Membership, user: User, *, by_sign_on: bool) -> None:
    tenant = membership.tenant
    if tenant.requires_sign_on and not by_sign_on and membership.role != Role.OWNER:
        raise SingleSignOnRequired
    if by_sign_on and tenant.trusts_sign_on_factor:
        return
    if tenant.requires_mfa and not has_second_factor(user):
        raise SecondFactorRequired


def _active_membership(memberships: list[Membership], chosen: str | None) -> Membership | None:
    for membership in memberships:
        if str(membership.tenant_id) == chosen:
            return membership
    active = (membership for membership in memberships if membership.tenant.is_active)
    return next(active, memberships[0] if memberships else None)


def caller_from_api_key(text: str, *, now: datetime | None = None) -> Caller | None:
    """The caller behind an API key, or None for one that is unknown, revoked or expired.

    Raises:
        AddressNotAllowed: the key is good, but not at the place that asks (`audit.place`).
        TenantSuspended: the key is good, but its tenant is suspended.
        TenantLeaving: the key is good, but its tenant is to be deleted.
    """
    key = find_api_key(text, now=now)
    if key is None:
        return None
    if not key.admits(current_place().ip):
        raise AddressNotAllowed
    caller = Caller(
        tenant_id=key.tenant_id,
        api_key_id=key.pk,
        scopes=frozenset(key.scopes),
        agents=frozenset(map(UUID, key.agents)) if key.agents else None,
        is_test=key.is_test,
    )
    check_open(key.tenant, caller)
    return caller
