"""Driving rotations: the row is the job, and whoever holds its claim does the next thing.

Nothing is asked of Google inside a transaction, and each answer is stored in one of its own,
together with what it means for the credentials, its audit entry and its letter. A claim ends by
itself, so a driver that was killed is replaced; one that comes back late stores nothing.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, connections, transaction
from django.db.models import F, Q, QuerySet

from accounts.keyset import KeysetError
from accounts.models import Credential, CredentialRotation
from accounts.rotation.acts import Hands, hands_for
from accounts.rotation.key_pair import KeyPair, make_key_pair, name_key, replacement_of
from accounts.rotation.outcomes import move
from accounts.rotation.progress import (
    Act,
    Answer,
    Ask,
    Demand,
    Failed,
    Problem,
    Progress,
    State,
    View,
    Wait,
)
from accounts.rotation.sessions import sessions_on
from accounts.rotation.states import after, begin, heed, next_ask
from accounts.signals import tell_if_failed
from accounts.tenancy import platform_scope, tenant_scope
from accounts.verification import note_trial

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# Longer than one ask takes (a trial: five steps of ten seconds), and renewed with each.
CLAIM_TERM: Final = timedelta(minutes=3)
AT_ONCE: Final = 8
BUDGET_S: Final = 240.0  # of one run, well below CELERY_TASK_TIME_LIMIT
_BROKEN = frozenset({Credential.State.REVOKED, Credential.State.UNDECRYPTABLE})


class ClaimLost(Exception):
    """Another driver has the rotation now."""


@dataclass(frozen=True, slots=True)
class Claim:
    rotation_id: UUID
    tenant_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows that an answer needs, made before the transaction that stores it."""

    new: Credential | None = None
    pair: KeyPair | None = None


def advance_all(clock: Clock, *, budget_s: float = BUDGET_S) -> int:
    """Drive every rotation that is due as far as it goes now, AT_ONCE at a time. Returns how
    many were driven; those that a budget of `budget_s` seconds leaves out are due next time."""
    ids = _due_ids(clock())
    if not ids:
        return 0
    ends = time.monotonic() + budget_s
    with ThreadPoolExecutor(_at_once(), thread_name_prefix="rotation") as pool:
        return sum(pool.map(partial(_advance_in_thread, clock=clock, ends=ends), ids))


def advance(rotation_id: UUID, clock: Clock) -> bool:
    """Drive one rotation as far as it goes now. False if another driver has it."""
    claim = _claim(rotation_id, clock())
    if claim is None:
        return False
    try:
        _drive(claim, clock)
    except ClaimLost:
        log.info("another driver has taken over a key rotation")
    return True


# -- Claims -------------------------------------------------------------------------------------


def _at_once() -> int:
    # SQLite has one writer: more threads would only wait for its lock.
    return 1 if connection.vendor == "sqlite" else AT_ONCE


def _due(now: datetime) -> QuerySet[CredentialRotation]:
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    return CredentialRotation.objects.filter(free, ended_at=None, due_at__lte=now)


def _due_ids(now: datetime) -> list[UUID]:
    with platform_scope("which key rotations are due"):
        return list(_due(now).order_by("due_at").values_list("pk", flat=True))


def _advance_in_thread(rotation_id: UUID, *, clock: Clock, ends: float) -> bool:
    if time.monotonic() >= ends:
        return False
    try:
        return advance(rotation_id, clock)
    except Exception:
        # One rotation's fault must not stop the others; its claim ends, and it is tried again.
        log.exception("a key rotation could not be driven")
        return False
    finally:
        connections.close_all()


def _claim(rotation_id: UUID, now: datetime) -> Claim | None:
    with platform_scope("claim a key rotation"), transaction.atomic():
        won = _due(now).filter(pk=rotation_id)
        if not won.update(epoch=F("epoch") + 1, claimed_until=now + CLAIM_TERM):
            return None
        row = CredentialRotation.objects.get(pk=rotation_id)
        return Claim(row.pk, row.tenant_id, row.epoch)


@contextmanager
def _held(claim: Claim) -> Iterator[CredentialRotation]:
    """The row, locked, in a transaction that ends with the block. Raises ClaimLost."""
    with tenant_scope(claim.tenant_id), transaction.atomic():
        mine = CredentialRotation.objects.select_for_update()
        row = mine.filter(pk=claim.rotation_id, epoch=claim.epoch).first()
        if row is None:
            raise ClaimLost
        yield row


# -- Driving ------------------------------------------------------------------------------------


def _drive(claim: Claim, clock: Clock) -> None:
    while _take_step(claim, clock):
        pass


def _take_step(claim: Claim, clock: Clock) -> bool:
    """Do the next thing. False once there is nothing to do now."""
    row = _read(claim)
    if row.has_ended:
        return False
    ask = Ask(Act.HEED) if row.demand else next_ask(row.progress(), view_of(row), clock())
    if isinstance(ask, Wait):
        return not _rest(claim, ask)
    if ask.act == Act.HEED:
        with _held(claim) as held:
            _move(held, held.progress(), clock())
        return True
    hands = _begin(claim, ask, clock())
    _store(claim, ask, hands.perform(ask), hands, clock())
    return True


def _read(claim: Claim) -> CredentialRotation:
    with tenant_scope(claim.tenant_id):
        rows = CredentialRotation.objects.select_related("old", "new")
        row = rows.filter(pk=claim.rotation_id, epoch=claim.epoch).first()
    if row is None:
        raise ClaimLost
    return row


def view_of(row: CredentialRotation) -> View:
    """What the database knows of the rotation's credentials, which are read, right now."""
    old, new = row.old, row.new
    with tenant_scope(row.tenant_id):
        sessions = sessions_on([each.pk for each in (old, new) if each is not None])
    return View(
        old_sessions=sessions.get(old.pk, 0) if old else 0,
        new_sessions=sessions.get(new.pk, 0) if new else 0,
        new_broken=new is not None and _is_broken(new),
        old_replaced=old is None or old.version != row.old_version,
        shared=key_is_shared(
            row.tenant_id, row.client_email, row.old_key, (row.old_id, row.new_id)
        ),
    )


def _is_broken(new: Credential) -> bool:
    # One that rests, such as for a quota, comes back by itself.
    fails = new.state == Credential.State.FAILING and new.rests_until is None
    return fails or new.state in _BROKEN


def key_is_shared(
    tenant_id: UUID, client_email: str, key_id: str, but: Collection[UUID | None]
) -> bool:
    """Whether a credential other than `but` works with a key. Of another tenant's only one counts
    that was seen to work: anybody can write a key's id into a file."""
    works = Q(state__in=(Credential.State.ACTIVE, Credential.State.RETIRING))
    ours = Q(tenant=tenant_id) & ~Q(state=Credential.State.REVOKED)
    with platform_scope("whether others use a key"):
        users = Credential.objects.filter(works | ours, client_email=client_email, key_id=key_id)
        return users.exclude(pk__in=[pk for pk in but if pk]).exists()


def _rest(claim: Claim, wait: Wait) -> bool:
    """Let it be until then. False if something was demanded meanwhile."""
    with _held(claim) as held:
        if held.demand:
            return False
        held.take(replace(held.progress(), problem=wait.problem))
        held.due_at = wait.until
        held.claimed_until = None
        held.save()
    return True


def _begin(claim: Claim, ask: Ask, now: datetime) -> Hands:
    with _held(claim) as held:
        held.take(begin(held.progress(), ask, now))
        held.claimed_until = now + CLAIM_TERM
        held.save()
        return hands_for(held, held.old, held.new)


def _store(claim: Claim, ask: Ask, answer: Answer, hands: Hands, now: datetime) -> None:
    try:
        prepared = _prepared(after(hands.rotation.progress(), ask, answer, now), hands, now)
    except KeysetError as error:
        prepared = Prepared()
        answer = Failed(Problem(error.code, str(error), error.fix), permanent=True)
    with _held(claim) as held:
        _store_rows(held, prepared, hands, now)
        _move(held, after(held.progress(), ask, answer, now), now)


def _prepared(coming: Progress, hands: Hands, now: datetime) -> Prepared:
    """What the state to come needs and costs CPU. Raises KeysetError."""
    old, new = hands.rotation.old, hands.new
    if coming.state == State.PREPARED and new is None and old is not None:
        pair = make_key_pair(now)
        return Prepared(replacement_of(old, pair, now), pair)
    if coming.state == State.CREATED and new is not None and new.key_id != coming.new_key:
        name_key(new, coming.new_key)
        return Prepared(new)
    return Prepared()


def _store_rows(held: CredentialRotation, prepared: Prepared, hands: Hands, now: datetime) -> None:
    if prepared.new is not None:
        prepared.new.save()
        held.new = prepared.new
    if prepared.pair is not None:
        held.certificate = prepared.pair.certificate
    if hands.reports and hands.new is not None:
        tried = Credential.objects.select_for_update().get(pk=hands.new.pk)
        before = tried.state
        note_trial(tried, hands.reports[0], now)
        tried.save(update_fields=["state", "verified_at", "verification"])
        tell_if_failed(tried, before)


def _move(held: CredentialRotation, progress: Progress, now: datetime) -> None:
    """Store `progress`, and what a person has demanded meanwhile makes of it."""
    actor = ""
    if held.demand:
        heeded = heed(progress, Demand(held.demand), now)
        actor = held.demanded_by if heeded.state != progress.state else ""
        progress = heeded
        held.demand = held.demanded_by = ""
    move(held, progress, now, actor=actor)
