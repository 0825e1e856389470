"""An operator looks into a tenant, in a role of its people: with the tenant's leave, for a reason,
for a while. Everybody sees it: a banner on each page, and the tenant's own audit.

Who visits stays who she is: what she does is noted under her name. She lends a role and nothing
else, and cannot talk, since that would be somebody's conversation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.audit import record
from accounts.models import Tenant, User
from accounts.roles import Role
from accounts.tenancy import tenant_scope

LASTS = timedelta(minutes=30)
# Owners leave, and decide about owners: nobody does that for them.
ROLES = (Role.ADMIN, Role.DEVELOPER, Role.REVIEWER)
_SESSION_KEY = "visit"


class VisitRefused(Exception):
    """The tenant does not let operators look in, or is not active."""


@dataclass(frozen=True, slots=True)
class Visit:
    tenant_id: UUID
    tenant_name: str
    role: Role
    reason: str
    until: datetime


def begin_visit(
    session: Any, by: User, tenant: Tenant, role: Role, reason: str, now: datetime
) -> Visit:
    """Note in the session, and in the tenant's audit, that an operator looks in.

    Raises:
        VisitRefused: see there.
    """
    if not (tenant.allows_visits and tenant.is_active):
        raise VisitRefused
    visit = Visit(tenant.pk, tenant.name, role, reason, now + LASTS)
    with tenant_scope(tenant.pk), transaction.atomic():
        after = {"role": str(role), "reason": reason, "until": visit.until.isoformat()}
        record("visit.began", tenant, actor=f"user:{by.pk}", after=after)
    session[_SESSION_KEY] = {
        "tenant": str(tenant.pk),
        "role": str(role),
        "reason": reason,
        "until": visit.until.isoformat(),
    }
    return visit


def visit_of(session: Any, now: datetime) -> Visit | None:
    """The visit that goes on in a session. One that is over, or that the tenant does not allow
    any more, is forgotten."""
    kept = session.get(_SESSION_KEY)
    if kept is None:
        return None
    until = datetime.fromisoformat(kept["until"])
    tenant = Tenant.objects.filter(pk=kept["tenant"], allows_visits=True).first()
    if now >= until or tenant is None or not tenant.is_active:
        del session[_SESSION_KEY]
        return None
    return Visit(tenant.pk, tenant.name, Role(kept["role"]), kept["reason"], until)


def end_visit(session: Any, by: User) -> bool:
    """End the session's visit before its time. False if there is none."""
    kept = session.pop(_SESSION_KEY, None)
    if kept is None:
        return False
    tenant = Tenant.objects.get(pk=kept["tenant"])
    with tenant_scope(tenant.pk), transaction.atomic():
        record("visit.ended", tenant, actor=f"user:{by.pk}")
    return True
