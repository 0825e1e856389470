"""Whether what let a socket in still holds; who has lost it is let go within two seconds.

The database has the facts. A watch asks it every second about all sockets of its process, in
at most six statements; so it needs no message that could be lost, whichever process or
command has ended a session, a membership, a key or a tenant. Conversations are stopped where
the access ended, by `stop_conversations`; their hosts see that as they see every stop.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts.database import in_database
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.roles import Permission, Role, allows
from accounts.sign_in import with_second_factor
from accounts.signals import AccessEnded, access_ended
from accounts.tenancy import platform_scope
from conversations.models import AccessToken, Conversation
from conversations.states import ConversationState, EndReason

log = logging.getLogger(__name__)

LOOK_S = 1.0


class Loss(Enum):
    """What is gone: how the caller proved who they are, or their right to be in the tenant."""

    IDENTITY = "identity"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a socket's access rests on: a person's browser session, a key, or a token."""

    tenant_id: uuid.UUID
    user_id: uuid.UUID | None = None
    session_key: str | None = field(default=None, repr=False)
    # The stored hash of the password that the session was opened with.
    password: str | None = field(default=None, repr=False)
    api_key_id: uuid.UUID | None = None
    access_token_id: uuid.UUID | None = None
    # Whether the tenant's own identity provider opened the session.
    by_sign_on: bool = False
    # What the person's role has to allow.
    permission: Permission = Permission.TALK


class AccessWatch:
    """One process's watch over the grounds of its sockets."""

    def __init__(self) -> None:
        self._waiting: dict[Ground, set[asyncio.Future[Loss]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def loss_of(self, ground: Ground) -> Loss:
        """Wait until the ground does not hold any more."""
        lost: asyncio.Future[Loss] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(ground, set()).add(lost)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name="access watch")
        try:
            return await lost
        finally:
            self._forget(ground, lost)

    def _forget(self, ground: Ground, lost: asyncio.Future[Loss]) -> None:
        waiting = self._waiting.get(ground, set())
        waiting.discard(lost)
        if not waiting:
            self._waiting.pop(ground, None)

    async def _look_on(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_S)
            try:
                losses = await in_database(losses_among, list(self._waiting))
            except DatabaseError as error:
                # Without the database nothing can have been ended either.
                log.warning("access not looked up: %s", type(error).__name__)
                continue
            for ground, loss in losses.items():
                self._tell(ground, loss)

    def _tell(self, ground: Ground, loss: Loss) -> None:
        for lost in self._waiting.get(ground, ()):
            if not lost.done():
                lost.set_result(loss)


def losses_among(grounds: Collection[Ground]) -> dict[Ground, Loss]:
    """Which grounds do not hold any more, and what is gone."""
    with platform_scope("whether sockets still have access"):
        known = _identified(grounds)
        allowed = _allowed(known)
    losses = dict.fromkeys(set(grounds) - known, Loss.IDENTITY)
    return losses | dict.fromkeys(known - allowed, Loss.RIGHT)


def _identified(grounds: Iterable[Ground]) -> set[Ground]:
    """The grounds whose key or token is still good, or whose session is still open."""
    grounds = list(grounds)
    keys = _good_keys({one.api_key_id for one in grounds if one.api_key_id})
    tokens = _good_tokens({one.access_token_id for one in grounds if one.access_token_id})
    sessions = _open_sessions({one.session_key for one in grounds if one.session_key})
    passwords = _passwords(_people(grounds))
    return {
        one
        for one in grounds
        if one.api_key_id in keys
        or one.access_token_id in tokens
        or (one.session_key in sessions and (one.user_id, one.password) in passwords)
    }


def _people(grounds: Iterable[Ground]) -> set[uuid.UUID]:
    return {one.user_id for one in grounds if one.user_id}


def _passwords(ids: set[uuid.UUID]) -> set[tuple[uuid.UUID | None, str | None]]:
    """Of each open account its id and the hash of its password."""
    return set(User.objects.filter(pk__in=ids, is_active=True).values_list("pk", "password"))


def _good_keys(ids: set[uuid.UUID]) -> set[uuid.UUID]:
    now = timezone.now()
    return {key.pk for key in ApiKey.objects.filter(pk__in=ids) if key.is_valid(now)}


def _good_tokens(ids: set[uuid.UUID]) -> set[uuid.UUID]:
    now = timezone.now()
    return {token.pk for token in AccessToken.objects.filter(pk__in=ids) if token.is_valid(now)}


def _open_sessions(keys: set[str]) -> set[str]:
    model = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class()
    rows = model.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return set(rows.values_list("session_key", flat=True))


def _allowed(grounds: Iterable[Ground]) -> set[Ground]:
    """The grounds whose tenant is open, and whose person may be in it."""
    grounds = list(grounds)
    rows = Tenant.objects.filter(pk__in={one.tenant_id for one in grounds})
    tenants = {row.pk: row for row in rows if row.is_active}
    grounds = [one for one in grounds if one.tenant_id in tenants]
    members = Membership.objects.filter(user_id__in=_people(grounds))
    active = members.filter(state=Membership.State.ACTIVE)
    rows_of = active.values_list("user_id", "tenant_id", "role")
    roles = {(user_id, tenant_id): role for user_id, tenant_id, role in rows_of}
    unprotected = _unprotected(
        one for one in grounds if _wants_second_factor(one, tenants[one.tenant_id])
    )
    return {
        one
        for one in grounds
        if one.user_id is None or (one not in unprotected and _came_as_wanted(one, tenants, roles))
    }


def _came_as_wanted(
    ground: Ground,
    tenants: dict[uuid.UUID, Tenant],
    roles: dict[tuple[uuid.UUID, uuid.UUID], str],
) -> bool:
    """Whether it is a member's who may do it, and signed in as the tenant asks of that role."""
    role = roles.get((ground.user_id, ground.tenant_id)) if ground.user_id else None
    by_any_way = role == Role.OWNER or not tenants[ground.tenant_id].requires_sign_on
    may = role is not None and allows(role, ground.permission)
    return may and (ground.by_sign_on or by_any_way)


def _wants_second_factor(ground: Ground, tenant: Tenant) -> bool:
    return tenant.requires_mfa and not (ground.by_sign_on and tenant.trusts_sign_on_factor)


def _unprotected(grounds: Iterable[Ground]) -> set[Ground]:
    """The grounds of people without a second factor."""
    persons = {one for one in grounds if one.user_id}
    protected = with_second_factor(_people(persons)) if persons else set()
    return {one for one in persons if one.user_id not in protected}


def stop_conversations(ended: AccessEnded, **_: Any) -> None:
    """Ask the hosts to end what a tenant that is suspended or leaving, or somebody who is no
    member any more, has open. A receiver of `access_ended`, after the commit."""
    if ended.tenant_id is None or ended.api_key_id is not None:
        return
    with platform_scope("stop conversations without access"):
        rows = Conversation.objects.filter(tenant=ended.tenant_id, stop_reason="")
        running = rows.exclude(state=ConversationState.ENDED)
        if ended.user_id is None:
            running.update(stop_reason=_why_stopped(ended.tenant_id))
        elif not _is_member(ended.user_id, ended.tenant_id):
            running.filter(user=ended.user_id).update(stop_reason=EndReason.STAFF_ENDED)


def _why_stopped(tenant_id: uuid.UUID) -> EndReason:
    suspended = Tenant.objects.filter(pk=tenant_id, state=Tenant.State.SUSPENDED).exists()
    return EndReason.TENANT_SUSPENDED if suspended else EndReason.TENANT_LEAVING


def _is_member(user_id: uuid.UUID, tenant_id: uuid.UUID) -> bool:
    rows = Membership.objects.filter(user=user_id, tenant=tenant_id)
    return rows.filter(state=Membership.State.ACTIVE).exists()


access_ended.connect(stop_conversations, dispatch_uid="stop conversations")
