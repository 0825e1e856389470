"""Recording an act, in the transaction of the act itself."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from accounts.audit.models import AuditEntry
from accounts.audit.place import current_place
from accounts.tenancy import TenantOwned, TenantScope, current_scope

SYSTEM = "system"
# Somebody who has not proved who they are.
ANONYMOUS = "anonymous"


def record(
    action: str,
    subject: models.Model | None = None,
    *,
    actor: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Append an entry, in the current transaction: the act and its entry are stored together.
    It says where the act came from as `accounts.audit.place` knows it.

    Args:
        action: what was done, as `noun.verb`.
        subject: the row it was done to. Its tenant is the entry's.
        actor: `Caller.actor`, `user:<id>`, SYSTEM or ANONYMOUS.
        before, after: what changed, as JSON values. Never a secret, never a spoken word.

    Raises:
        NoTenantScope: there is no scope; an entry is a tenant's row like any other.
    """
    place = current_place()
    return AuditEntry.objects.create(
        tenant_id=_tenant_of(subject),
        actor=actor,
        action=action,
        object_type=subject._meta.label_lower if subject else "",
        object_id=str(subject.pk) if subject else "",
        before=before,
        after=after,
        reason=reason,
        ip=place.ip,
        user_agent=place.user_agent,
        request_id=place.request_id,
    )


def _tenant_of(subject: models.Model | None) -> UUID | None:
    if isinstance(subject, TenantOwned):
        return subject.tenant_id
    if subject is not None and subject._meta.label_lower == "accounts.tenant":
        tenant_id: UUID = subject.pk
        return tenant_id
    scope = current_scope()
    return scope.tenant_id if isinstance(scope, TenantScope) else None
