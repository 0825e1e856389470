"""Tokens for an integrator's own users: `auth_tokens/prl_<prefix>_<secret>`.

An integrator's server mints one for a user of its application, with the times, the uses and the
setup that Google's own `auth_tokens` have, and what ours hold beside. The secret is shown once;
the row keeps its SHA-256. See docs/decisions/038-*.md.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from celery import shared_task
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.audit import record
from accounts.audit.place import current_place
from accounts.callers import AccessBarred, Caller, EndUser, check_open
from accounts.limits import Limits
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import AccessToken, Agent, Conversation, TokenState
from conversations.states import ConversationState, EndReason, Medium
from live.ephemeral import TokenRequest
from live.errors import InvalidRequest

_FORM: Final = re.compile(r"auth_tokens/prl_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
# Compared with when the prefix is unknown, so that the answer takes as long.
_NO_HASH: Final = hashlib.sha256(b"").hexdigest()
# What who holds a token may do, as the scope of a key says it.
_SCOPES: Final = frozenset({"talk"})
# Who looks into what happened finds them for so long.
KEPT: Final = timedelta(days=30)
BATCH: Final = 1000


class OriginNotAllowed(AccessBarred):
    code = "origin-not-allowed"
    fix = "Use it on a page of its own application, or mint one that allows this page's origin."

    def __init__(self) -> None:
        super().__init__("This token may be used only on the pages of certain origins.")


class InvalidToken(ValueError):
    """What is asked for can be no token. `field` names what is wrong; the text is for people."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class NoUseLeft(Exception):
    """The token begins no conversation (any more). `state` says why."""

    def __init__(self, state: TokenState) -> None:
        super().__init__(state)
        self.state = state


class NotRevocable(Exception):
    """It is one of Google's, who takes none back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a token is to be. `agent` None: any of the tenant. `uses` 0: as often as one likes.

    Times are aware; without them it lives for 30 minutes and begins conversations for 60 s, as
    Google's do. Empty `origins` and `media`: all. `setup` and `field_mask` are Google's, read by
    `conversations.dropin.constraints`.
    """

    agent: Agent | None = None
    uses: int = 1
    expires_at: datetime | None = None
    new_session_expires_at: datetime | None = None
    origins: Sequence[str] = ()
    media: Sequence[Medium] = ()
    limits: Limits = field(default_factory=Limits)
    setup: Mapping[str, Any] = field(default_factory=dict)
    field_mask: Sequence[str] = ()
    end_user: EndUser | None = None


# --- Minting ---------------------------------------------------------------------------------


def mint(caller: Caller, wanted: Wanted, now: datetime) -> tuple[AccessToken, str]:
    """A new token of the caller's tenant, and its text, which cannot be had again. Runs in the
    tenant's scope.

    Raises:
        InvalidToken: naming what it cannot be.
    """
    secret = secrets.token_hex(32)
    token = token_of(caller, wanted, now)
    token.prefix, token.hash, token.last_four = secrets.token_hex(6), _hash(secret), secret[-4:]
    keep(token)
    return token, f"auth_tokens/prl_{token.prefix}_{secret}"


def token_of(caller: Caller, wanted: Wanted, now: datetime) -> AccessToken:
    """The row of what is wanted, without a secret and not saved. Raises InvalidToken."""
    expires_at, new_session_expires_at = times_of(wanted, now)
    if wanted.agent is None and caller.agents is not None:
        raise InvalidToken("agent", "This key is for certain agents: name the token's agent.")
    end_user = wanted.end_user or EndUser("")
    return AccessToken(
        tenant_id=caller.tenant_id,
        agent=wanted.agent,
        uses=wanted.uses,
        expires_at=expires_at,
        new_session_expires_at=new_session_expires_at,
        origins=[origin_of(text) for text in wanted.origins],
        modalities=[str(medium) for medium in wanted.media],
        limits=wanted.limits.to_json(),
        setup=dict(wanted.setup),
        field_mask=list(wanted.field_mask),
        end_user=end_user.id,
        end_user_name=end_user.name,
        is_test=caller.is_test,
        minted_by=caller.actor,
        created_at=now,
    )


def times_of(wanted: Wanted, now: datetime) -> tuple[datetime, datetime]:
    """When it expires, and when it begins nothing any more, by Google's rules for both."""
    request = TokenRequest(
        uses=wanted.uses,
        expire_time=wanted.expires_at,
        new_session_expire_time=wanted.new_session_expires_at,
    )
    try:
        return request.times(now)
    except InvalidRequest as error:
        raise InvalidToken("expireTime", f"{error.diagnosis.summary} {error.fix}") from None


def origin_of(text: str) -> str:
    """A page's origin as browsers send it. Raises InvalidToken."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare:
        raise InvalidToken("origins", "An origin is like https://shop.example, without a path.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def keep(token: AccessToken) -> None:
    """Save a token that is new, and note who made it."""
    with transaction.atomic():
        token.save(force_insert=True)
        after = {
            "kind": token.kind,
            "agent": str(token.agent_id or ""),
            "uses": token.uses,
            "expires_at": token.expires_at.isoformat(),
        }
        record("access-token.minted", token, actor=token.minted_by, after=after)


# --- Using -------------------------------------------------------------------------------------


def caller_from_access_token(text: str, *, now: datetime | None = None) -> Caller | None:
    """The caller behind a token of ours, or None for one that is unknown, revoked or expired.

    Raises:
        OriginNotAllowed: it is good, but not on the page that asks (`audit.place`).
        TenantSuspended: it is good, but its tenant is suspended.
        TenantLeaving: it is good, but its tenant is to be deleted.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    prefix, secret = form.groups()
    with platform_scope("look up an access token"):
        token = AccessToken.objects.select_related("tenant").filter(prefix=prefix).first()
    matches = hmac.compare_digest(_hash(secret), token.hash if token else _NO_HASH)
    if token is None or not matches or not token.is_valid(now or timezone.now()):
        return None
    if token.origins and current_place().origin.lower() not in token.origins:
        raise OriginNotAllowed
    caller = Caller(
        tenant_id=token.tenant_id,
        access_token_id=token.pk,
        end_user=EndUser(token.end_user, token.end_user_name) if token.end_user else None,
        scopes=_SCOPES,
        agents=None if token.agent_id is None else frozenset({token.agent_id}),
        is_test=token.is_test,
    )
    check_open(token.tenant, caller)
    return caller


def token_behind(caller: Caller) -> AccessToken | None:
    """The token that a caller came with. None for people, and for programs with a key."""
    if caller.access_token_id is None:
        return None
    found: AccessToken = AccessToken.objects.get(pk=caller.access_token_id)
    return found


def spend_use(token: AccessToken, now: datetime) -> None:
    """Count a new conversation, in its transaction: of two at once, one gets the last use.

    Raises:
        NoUseLeft: it begins nothing any more.
    """
    rows = AccessToken.objects.filter(
        Q(uses=0) | Q(used__lt=F("uses")),
        pk=token.pk,
        revoked_at=None,
        expires_at__gt=now,
        new_session_expires_at__gt=now,
    )
    if not rows.update(used=F("used") + 1):
        token.refresh_from_db()
        raise NoUseLeft(token.state_at(now))


def give_use_back(token_id: uuid.UUID) -> None:
    """What was begun with it never came to be."""
    AccessToken.objects.filter(pk=token_id, used__gt=0).update(used=F("used") - 1)


def is_held_by(caller: Caller, conversation: Conversation) -> bool:
    """Whether who came with a token may go on with a conversation: its user's own, or, where it
    names none, one that it began itself. True for callers without a token."""
    if caller.access_token_id is None:
        return True
    if caller.end_user is not None:
        return conversation.end_user == caller.end_user.id
    return conversation.access_token_id == caller.access_token_id


def revoke(token: AccessToken, actor: str, *, now: datetime | None = None) -> bool:
    """Revoke a token for good, and end what it began. Sockets that rest on it are closed by the
    watch (`conversations.access`). False when it had been revoked before.

    Raises:
        NotRevocable: it is one of Google's.
    """
    if token.kind == AccessToken.Kind.GOOGLE:
        raise NotRevocable
    with tenant_scope(token.tenant_id), transaction.atomic():
        unrevoked = AccessToken.objects.filter(pk=token.pk, revoked_at=None)
        if not unrevoked.update(revoked_at=now or timezone.now()):
            return False
        record("access-token.revoked", token, actor=actor)
        running = begun_with(token).filter(stop_reason="").exclude(state=ConversationState.ENDED)
        running.update(stop_reason=EndReason.STAFF_ENDED)
    return True


@shared_task
def forget_old_tokens(now: datetime | None = None) -> int:
    """Delete tokens that ended more than 30 days ago. Returns how many. What was said with them
    stays, and whose it was."""
    ended_by = (now or timezone.now()) - KEPT
    count = 0
    with platform_scope("forget old tokens"):
        rows = AccessToken.objects.filter(expires_at__lte=ended_by).order_by()
        while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            AccessToken.objects.filter(pk__in=ids).delete()
            count += len(ids)
    return count


def begun_with(token: AccessToken) -> QuerySet[Conversation]:
    rows: QuerySet[Conversation] = Conversation.objects.filter(access_token=token)
    return rows


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
