"""API keys: `prl_<prefix>_<secret>`, and `prl_test_<prefix>_<secret>` for tests.

The prefix finds the row; the secret is 32 random bytes, of which the row keeps the SHA-256.
A slow password hash would add nothing: 256 random bits cannot be guessed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.models import ApiKey, Tenant, User
from accounts.roles import KEY_SCOPES
from accounts.signals import AccessEnded, end_access
from accounts.tenancy import platform_scope, tenant_scope

_FORM = re.compile(r"prl_(test_)?([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
# Compared with when the prefix is unknown, so that the answer takes as long.
_NO_HASH = hashlib.sha256(b"").hexdigest()
# How long a key that was rotated works beside its successor.
OVERLAP = timedelta(hours=24)
LAST_USED_RESOLUTION = timedelta(minutes=1)


# How long the two go side by side, of which who rotates chooses one.
OVERLAPS = (timedelta(0), timedelta(hours=1), OVERLAP, timedelta(days=7), timedelta(days=30))


class NoNetwork(ValueError):
    """What stands for a network is none; its text is the message."""


class Restrictions(TypedDict, total=False):
    """`networks` (see `networks_in`): only from there. `agents`: only with these, by their ids.
    `is_test`: only with a simulator."""

    networks: Iterable[str]
    agents: Iterable[UUID]
    is_test: bool


def create_api_key(
    tenant: Tenant,
    name: str,
    scopes: Iterable[str],
    created_by: User | None = None,
    *,
    expires_at: datetime | None = None,
    **restrictions: Unpack[Restrictions],
) -> tuple[ApiKey, str]:
    """Make a key. Returns the row and the key's text, which cannot be had again.

    Raises:
        ValueError: a scope is unknown, or there is none.
    """
    key = ApiKey(
        tenant=tenant,
        name=name,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        networks=list(restrictions.get("networks", ())),
        agents=[str(agent) for agent in restrictions.get("agents", ())],
        is_test=restrictions.get("is_test", False),
        created_by=created_by,
    )
    return key, save_new_api_key(key)


def save_new_api_key(key: ApiKey) -> str:
    """Save a key that is not stored yet, and return its text, which cannot be had again.

    Raises:
        ValueError: a scope is unknown, or there is none.
    """
    if not key.scopes or not KEY_SCOPES.keys() >= set(key.scopes):
        raise ValueError(f"An API key needs scopes out of: {', '.join(KEY_SCOPES)}.")
    secret = secrets.token_hex(32)
    key.prefix, key.hash, key.last_four = secrets.token_hex(6), _hash(secret), secret[-4:]
    with tenant_scope(key.tenant_id), transaction.atomic():
        key.save(force_insert=True)
        record(
            "api-key.created",
            key,
            actor=f"user:{key.created_by_id}" if key.created_by_id else SYSTEM,
            after={
                "name": key.name,
                "prefix": key.prefix,
                "scopes": key.scopes,
                "networks": key.networks,
                "agents": key.agents,
                "is_test": key.is_test,
            },
        )
    return f"{shown_prefix(key)}_{secret}"


def shown_prefix(key: ApiKey) -> str:
    """What a key's text begins with, before its secret."""
    return f"prl_test_{key.prefix}" if key.is_test else f"prl_{key.prefix}"


def find_api_key(text: str, *, now: datetime | None = None) -> ApiKey | None:
    """The row of a key that is good at `now`, with its tenant loaded; None for any other text.
    Notes the use, at most once a minute."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    now = now or timezone.now()
    test, prefix, secret = form.groups()
    with platform_scope("look up an API key"):
        key = ApiKey.objects.select_related("tenant").filter(prefix=prefix).first()
        matches = hmac.compare_digest(_hash(secret), key.hash if key else _NO_HASH)
        if key is None or not matches or not key.is_valid(now):
            return None
        if key.is_test != bool(test):
            return None
        _note_use(key, now)
    return key


def rotate_api_key(
    key: ApiKey, by: User, *, overlap: timedelta = OVERLAP, now: datetime | None = None
) -> tuple[ApiKey, str] | None:
    """Make a successor that may do the same, for as long; the key itself works for `overlap` more.

    Returns the successor and its text, which cannot be had again; None if the key is not good.
    """
    now = now or timezone.now()
    with tenant_scope(key.tenant_id), transaction.atomic():
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not old.is_valid(now):
            return None
        successor = ApiKey(
            tenant=old.tenant,
            name=old.name,
            scopes=old.scopes,
            networks=old.networks,
            agents=old.agents,
            is_test=old.is_test,
            expires_at=old.expires_at and now + (old.expires_at - old.created_at),
            created_by=by,
        )
        text = save_new_api_key(successor)
        old.expires_at = min(now + overlap, old.expires_at or now + overlap)
        old.save(update_fields=["expires_at"])
        after = {"expires_at": old.expires_at.isoformat(), "successor": successor.prefix}
        record("api-key.rotated", old, actor=f"user:{by.pk}", after=after)
    return successor, text


def networks_in(text: str) -> list[str]:
    """The addresses and networks of a text, one a line or with commas between, as
    "203.0.113.0/24".

    Raises:
        NoNetwork: naming the first that is none.
    """
    words = text.replace(",", " ").split()
    return list(dict.fromkeys(_network(word) for word in words))


def _network(word: str) -> str:
    try:
        return str(ip_network(word, strict=False))
    except ValueError:
        raise NoNetwork(word) from None


def revoke_api_key(key: ApiKey, actor: str, *, now: datetime | None = None) -> bool:
    """Revoke a key for good, from `now` on. False when it had been revoked before."""
    with tenant_scope(key.tenant_id), transaction.atomic():
        unrevoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None)
        if not unrevoked.update(revoked_at=now or timezone.now()):
            return False
        record("api-key.revoked", key, actor=actor)
        end_access(AccessEnded(tenant_id=key.tenant_id, api_key_id=key.pk))
    return True


def _note_use(key: ApiKey, now: datetime) -> None:
    stale = now - LAST_USED_RESOLUTION
    if key.last_used_at is None or key.last_used_at <= stale:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=stale)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
