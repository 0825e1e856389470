"""What a seal covers: the canonical form of an entry, and the hashes over it.

The hash of an entry is the SHA-256 of its canonical JSON; the hash of a seal is that of the
seal's own fields, of the hash of the seal before it, and of the id and hash of each entry in
order. Both are taken of rows as the database gives them back, so that what it normalises (the
order of keys in JSON) is normalised before the first hash.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.tenancy import PlatformScope, TenantScope, platform_scope, tenant_scope

# The fields of an entry that each form covers. A form that seals were made with stays for good;
# a new field of AuditEntry needs a new one, with all fields.
FORMS: dict[int, tuple[str, ...]] = {
    1: (
        "id",
        "tenant_id",
        "at",
        "actor",
        "action",
        "object_type",
        "object_id",
        "reason",
        "before",
        "after",
        "ip",
        "user_agent",
        "request_id",
    ),
}
NEWEST_FORM = max(FORMS)


def chain_scope(
    tenant_id: UUID | None,
) -> AbstractContextManager[TenantScope] | AbstractContextManager[PlatformScope]:
    """The scope to work on one chain in: its tenant's, or the platform's for None."""
    if tenant_id is None:
        return platform_scope("work on the platform's own audit chain")
    return tenant_scope(tenant_id)


def entry_hash(entry: AuditEntry, form: int) -> str:
    """SHA-256 in hexadecimal of the fields that `form` covers. KeyError for an unknown form."""
    return _digest({"form": form} | {name: getattr(entry, name) for name in FORMS[form]})


def seal_hash(seal: AuditSeal, links: Iterable[AuditLink]) -> str:
    """SHA-256 in hexadecimal of a seal and the links it covers, which are in order."""
    return _digest(
        {
            "tenant_id": seal.tenant_id,
            "number": seal.number,
            "at": seal.at,
            "form": seal.form,
            "count": seal.count,
            "is_complete": seal.is_complete,
            "previous": seal.previous,
            "entries": [[link.pk, link.hash] for link in links],
        }
    )


def _digest(value: dict[str, Any]) -> str:
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: UUID | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)
