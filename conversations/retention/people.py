"""Erasing one person everywhere in a tenant: asked for, done step by step, told in a report.

The job's row is worked on by whoever has its lease, as with `accounts.leaving.erasure`. Each step
is a transaction that also counts in the row what went, so a job that is killed goes on where it
was, and its report is right. Every step first looks whether a hold has come: then it stops.

Her conversations stay, without her: her turns, the sound, notes, events and tool calls go; the
turns of others stay, redacted (docs/decisions/042).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.callers import Caller
from accounts.leaving.erasure import let_go
from accounts.leaving.models import Archive
from accounts.members import check_may_leave, lock_owners
from accounts.models import ApiRequest, Membership
from accounts.tenancy import platform_scope, tenant_scope
from conversations.access_tokens import NotRevocable, revoke
from conversations.ending import end_for_staff
from conversations.exports.redaction import Redactor
from conversations.exports.sweeping import delete_export
from conversations.models import (
    AccessToken,
    Consent,
    Conversation,
    Erasure,
    Event,
    Export,
    Note,
    Tag,
    ToolCall,
    Turn,
    UsageDay,
    WebhookEvent,
    lock_holds,
)
from conversations.retention.erasing import Counts, delete_of, sound_of
from conversations.retention.holds import OnHold
from conversations.retention.person import Person, names_of
from conversations.states import ConversationState, Speaker

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
BATCH: Final = 10
# What stands where her name stood.
ERASED: Final = "erased"

Clock = Callable[[], datetime]


class LeaseLost(Exception):
    """Somebody else works on the job now."""


class Waits(Exception):
    """Something has to end first; the next round looks again."""


# -- Asking ----------------------------------------------------------------------------------


def ask_to_erase(person: Person, *, by: Caller, now: datetime) -> Erasure:
    """Let a person be erased, in the tenant's scope. One that is asked for again is the same.

    Raises:
        OnHold: a legal hold covers her or a conversation of hers.
        MemberRefused: she is the last owner, or an owner and `by` is none.
    """
    with transaction.atomic():
        lock_holds(by.tenant_id)
        if person.is_held():
            raise OnHold
        _check_member(person, by)
        same = Erasure.objects.filter(fingerprint=person.fingerprint, state__in=Erasure.OPEN)
        if (open_one := same.first()) is not None:
            return open_one
        erasure: Erasure = Erasure.objects.create(
            person=person.user_id,
            end_user=person.end_user,
            fingerprint=person.fingerprint,
            asked_by=by.actor,
            asked_at=now,
            lease_until=now,
        )
        after = {"fingerprint": person.fingerprint}
        record("person.erasure-asked-for", erasure, actor=by.actor, after=after)
        transaction.on_commit(partial(erase_person.delay, str(erasure.pk)))
    return erasure


def _check_member(person: Person, by: Caller) -> None:
    if person.user_id is None:
        return
    lock_owners(by.tenant_id)
    for membership in Membership.objects.filter(user=person.user_id):
        check_may_leave(membership, by)


# -- The job ---------------------------------------------------------------------------------


@shared_task
def erase_person(erasure_id: str) -> None:
    erase(UUID(erasure_id), clock=timezone.now)


@shared_task
def sweep_erasures(now: datetime | None = None) -> None:
    """Send for the jobs that nobody works on."""
    with platform_scope("people whose erasure nobody works on"):
        idle = Erasure.objects.filter(
            state__in=Erasure.OPEN, lease_until__lte=now or timezone.now()
        )
        waiting = list(idle.values_list("pk", flat=True))
    for erasure_id in waiting:
        erase_person.delay(str(erasure_id))


def erase(erasure_id: UUID, *, clock: Clock, batch: int = BATCH) -> bool:
    """Work on a job until it is done. Returns whether it is done now."""
    erasure = claim(erasure_id, clock())
    if erasure is None:
        return False
    with tenant_scope(erasure.tenant_id):
        try:
            _Work(erasure, clock, batch).run()
        except (LeaseLost, OnHold, Waits) as reason:
            log.info("erasure %s is not done: %s", erasure.pk, type(reason).__name__)
            return False
    return True


def claim(erasure_id: UUID, now: datetime) -> Erasure | None:
    """Take the job if nobody has it. The database decides who won."""
    holder = uuid4()
    with platform_scope("take the job of erasing a person"):
        free = Erasure.objects.filter(pk=erasure_id, state__in=Erasure.OPEN, lease_until__lte=now)
        free.update(state=Erasure.State.RUNNING, holder=holder, lease_until=now + LEASE)
        won: Erasure | None = Erasure.objects.filter(pk=erasure_id, holder=holder).first()
    return won


class _Work:
    """One holder's work on a job, in its tenant's scope."""

    def __init__(self, erasure: Erasure, clock: Clock, batch: int) -> None:
        self._erasure = erasure
        self._person = Person.of(erasure)
        self._clock = clock
        self._batch = batch

    def run(self) -> None:
        """Raises LeaseLost, OnHold if a hold has come, Waits while something still runs."""
        self._repeat(self._end_tokens)
        self._step(self._shut_out)
        self._step(self._end_conversations)
        self._wait_for_ends()
        self._repeat(self._erase_conversations)
        self._repeat(self._delete_copies)
        self._step(self._forget_names)
        self._finish()

    def _repeat(self, step: Callable[[], Counts]) -> None:
        while self._step(step):
            pass

    def _step(self, step: Callable[[], Counts]) -> Counts:
        """Do a step in a transaction of its own, unless a hold has come."""
        with transaction.atomic():
            lock_holds(self._erasure.tenant_id)
            is_held = self._person.is_held()
            if is_held:
                self._keep(state=Erasure.State.STOPPED)
                record("person.erasure-stopped", self._erasure, actor=SYSTEM)
            counts = {} if is_held else step()
            self._count(counts)
        if is_held:
            raise OnHold
        return counts

    # -- Nothing new of hers begins ------------------------------------------------------------

    def _end_tokens(self) -> Counts:
        tokens = list(self._person.tokens()[: self._batch])
        for token in tokens:
            _revoke(token)
        of_them = AccessToken.objects.filter(pk__in=[token.pk for token in tokens])
        of_them.update(end_user="", end_user_name="")
        return _counts(tokens=len(tokens))

    def _shut_out(self) -> Counts:
        """Her membership is off until it goes last: it leads to her conversations."""
        if self._person.user_id is None:
            return {}
        active = Membership.objects.filter(user=self._person.user_id, state=Membership.State.ACTIVE)
        active.update(state=Membership.State.DISABLED)
        return {}

    def _end_conversations(self) -> Counts:
        for conversation in self._person.conversations().exclude(state=ConversationState.ENDED):
            end_for_staff(conversation, SYSTEM)
        return {}

    def _wait_for_ends(self) -> None:
        """Raises Waits while a worker still hosts one of hers, or an archive is being made."""
        running = self._person.conversations().exclude(state=ConversationState.ENDED)
        if running.exists() or Archive.objects.filter(state__in=Archive.OPEN).exists():
            self._keep(lease_until=self._clock())
            raise Waits

    # -- What there is of her ------------------------------------------------------------------

    def _erase_conversations(self) -> Counts:
        ended = self._person.conversations().filter(state=ConversationState.ENDED)
        rows = list(ended.select_related("user").select_for_update(of=("self",))[: self._batch])
        return without_person(rows)

    def _delete_copies(self) -> Counts:
        """Files that she may be in. They can be made again, without her."""
        there = Export.objects.filter(state__in=(*Export.OPEN, Export.State.READY))
        exports = list(there[: self._batch])
        for export in exports:
            delete_export(export, SYSTEM)
        ready = Archive.objects.filter(state=Archive.State.READY, expires_at__gt=self._clock())
        return _counts(exports=len(exports), archives=ready.update(expires_at=self._clock()))

    def _forget_names(self) -> Counts:
        user_id = self._person.user_id
        if user_id is None:
            return {}
        actor = f"user:{user_id}"
        Note.objects.filter(written_by=actor).update(written_by=ERASED)
        Note.objects.filter(changed_by=actor).update(changed_by=ERASED)
        Tag.objects.filter(added_by=actor).update(added_by=ERASED)
        ApiRequest.objects.filter(actor=actor).update(actor=ERASED)
        used = UsageDay.objects.filter(whose=UsageDay.Whose.USER, subject=user_id)
        return _counts(days_of_use=used.delete()[0])

    def _finish(self) -> None:
        def step() -> Counts:
            if self._person.conversations().exists():
                return {}
            memberships = list(Membership.objects.filter(user=self._person.user_id))
            for membership in memberships:
                self._count({_NOUNS[table]: n for table, n in let_go(membership).items()})
            now = self._clock()
            self._keep(state=Erasure.State.DONE, end_user="", finished_at=now)
            after = {"fingerprint": self._erasure.fingerprint, "counts": self._erasure.counts}
            record("person.erased", self._erasure, actor=SYSTEM, after=after)
            return {}

        self._step(step)
        if self._erasure.state != Erasure.State.DONE:
            self._keep(lease_until=self._clock())
            raise Waits

    # -- The row -------------------------------------------------------------------------------

    def _count(self, gone: Counts) -> None:
        counts = dict(self._erasure.counts)
        for noun, count in gone.items():
            counts[noun] = counts.get(noun, 0) + count
        self._keep(counts=counts, lease_until=self._clock() + LEASE)

    def _keep(self, **fields: Any) -> None:
        """Store facts of the job. Raises LeaseLost unless it is still ours."""
        mine = Erasure.objects.filter(pk=self._erasure.pk, holder=self._erasure.holder)
        if not mine.update(**fields):
            raise LeaseLost
        for name, value in fields.items():
            setattr(self._erasure, name, value)


_NOUNS: Final = {Membership._meta.label_lower: "memberships", "accounts.user": "accounts"}


def without_person(rows: list[Conversation]) -> Counts:
    """Take the person out of conversations that have ended; in one transaction."""
    if not rows:
        return {}
    ids = [row.pk for row in rows]
    counts = delete_of(ids, Note, ToolCall, Event) | sound_of(ids)
    turns = Turn.objects.filter(conversation__in=ids)
    hers = turns.filter(speaker=Speaker.USER)
    counts["turns"] = hers._raw_delete(hers.db)  # noqa: SLF001 - as in `erasing`
    counts["turns of others, redacted"] = _redact(rows, turns)
    Consent.objects.filter(conversation__in=ids).delete()
    WebhookEvent.objects.filter(conversation__in=ids).delete()
    Conversation.objects.filter(pk__in=ids).update(
        user=None, access_token=None, end_user="", end_user_name="", first_words="", wishes={}
    )
    return {noun: count for noun, count in counts.items() if count} | {"conversations": len(rows)}


def _redact(rows: Iterable[Conversation], turns: Any) -> int:
    """Take out of what others said what names her. Returns how many turns that changed."""
    redactors = {row.pk: Redactor(filter(None, names_of(row))) for row in rows}
    changed = []
    for turn in turns:
        text = redactors[turn.conversation_id].text(turn.text)
        if text != turn.text:
            turn.text = text
            changed.append(turn)
    Turn.objects.bulk_update(changed, ["text"], batch_size=500)
    return len(changed)


def _revoke(token: AccessToken) -> None:
    try:
        revoke(token, SYSTEM)
    except NotRevocable:
        log.info("token %s is Google's and ends by itself", token.pk)


def _counts(**counts: int) -> Counts:
    return {noun.replace("_", " "): count for noun, count in counts.items() if count}
