"""Proving a chain: that every sealed entry is there, unchanged and where it was sealed.

Each statement reads entry, link and seal as one commit left them, so that a chain may be proved
while it grows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from django.db.models import Exists, Min, OuterRef, QuerySet

from accounts.audit.chain import FORMS, entry_hash, seal_hash
from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.tenancy import platform_scope

# An entry this much older than a seal that left nothing behind should have been in it. Far longer
# than requests and tasks run, and than hosts' clocks differ: what is found here stays found.
BACKDATED_AFTER = timedelta(days=1)
SEALS_AT_ONCE = 50


class Wrong(StrEnum):
    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: with a seal, or with an entry (of that seal, if it has one)."""

    wrong: Wrong
    text: str
    seal: int | None = None
    entry: UUID | None = None

    def __str__(self) -> str:
        parts = [f"seal {self.seal}"] if self.seal is not None else []
        parts += [f"entry {self.entry}"] if self.entry is not None else []
        return f"{', '.join(parts)}: {self.wrong}. {self.text}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found. `fault` is the first one, or None; `head` the newest seal, if any."""

    entries: int
    seals: int
    waiting: int
    waiting_since: datetime | None
    head: AuditSeal | None
    fault: Fault | None


def prove_chain(tenant_id: UUID | None, *, known: str = "") -> Proof:
    """Prove a tenant's chain, or the platform's for None. Memory stays the same at any length.

    Args:
        known: the hash of a seal, noted earlier and kept elsewhere. It has to be in the chain.
    """
    with platform_scope("prove an audit chain"):
        waiting = AuditLink.objects.filter(tenant=tenant_id, number=None)
        times = AuditEntry.objects.filter(pk__in=waiting.values("pk"))
        seals = AuditSeal.objects.filter(tenant=tenant_id)
        return Proof(
            entries=AuditEntry.objects.filter(tenant=tenant_id).count(),
            seals=seals.count(),
            waiting=waiting.count(),
            waiting_since=times.aggregate(since=Min("at"))["since"],
            head=seals.order_by("-number").first(),
            fault=next(_faults(tenant_id, known), None),
        )


def _faults(tenant_id: UUID | None, known: str) -> Iterator[Fault]:
    last: AuditSeal | None = None
    complete: AuditSeal | None = None
    for seal in _seals(tenant_id):
        yield from _of_seal(seal, last)
        yield from _backdated(seal, complete)
        last, complete = seal, seal if seal.is_complete else complete
    yield from _outside(tenant_id)
    if known and not AuditSeal.objects.filter(tenant=tenant_id, hash=known).exists():
        yield Fault(
            Wrong.DELETED,
            f"No seal has the known hash {known}: the chain was cut off or written anew.",
            seal=last.number if last else 0,
        )


def _seals(tenant_id: UUID | None) -> Iterator[AuditSeal]:
    number = 0
    while True:
        rows = AuditSeal.objects.filter(tenant=tenant_id, number__gt=number)
        page = list(rows.order_by("number")[:SEALS_AT_ONCE])
        yield from page
        if len(page) < SEALS_AT_ONCE:
            return
        number = page[-1].number


def _of_seal(seal: AuditSeal, last: AuditSeal | None) -> Iterator[Fault]:
    expected = last.number + 1 if last else 1
    if seal.number != expected:
        yield Fault(Wrong.DELETED, "This seal is missing.", seal=expected)
        return
    if seal.form not in FORMS:
        yield Fault(Wrong.CHANGED, "Its form is none that seals are made with.", seal=seal.number)
        return
    links = list(_links(seal).order_by("position", "pk")[: seal.count + 1])
    yield from _of_entries(seal, links)
    yield from _of_order(seal, links)
    if seal.previous != (last.hash if last else ""):
        yield Fault(Wrong.CHANGED, "It does not go on from the seal before it.", seal=seal.number)
    if seal.hash != seal_hash(seal, links):
        yield Fault(
            Wrong.CHANGED, "Its hash is not that of what it says it covers.", seal=seal.number
        )


def _links(seal: AuditSeal) -> QuerySet[AuditLink]:
    return AuditLink.objects.filter(tenant=seal.tenant_id, number=seal.number)


def _of_entries(seal: AuditSeal, links: list[AuditLink]) -> Iterator[Fault]:
    entries = AuditEntry.objects.in_bulk([link.pk for link in links])
    for link in links:
        entry = entries.get(link.pk)
        if entry is None:
            yield Fault(Wrong.DELETED, "It was sealed and is gone.", seal.number, link.pk)
        elif entry_hash(entry, seal.form) != link.hash:
            yield Fault(Wrong.CHANGED, "It is not what was sealed.", seal.number, link.pk)


def _of_order(seal: AuditSeal, links: list[AuditLink]) -> Iterator[Fault]:
    for before, after in pairwise(links):
        if before.pk > after.pk:
            yield Fault(
                Wrong.REORDERED, "It stands before one it came after.", seal.number, before.pk
            )
    if len(links) > seal.count:
        text = f"The seal covers {seal.count} entries, and this one is one more."
        yield Fault(Wrong.INSERTED, text, seal.number, links[-1].pk)
    if len(links) < seal.count:
        text = f"It covers {seal.count} entries, of which {len(links)} are left."
        yield Fault(Wrong.DELETED, text, seal.number)


def _backdated(seal: AuditSeal, complete: AuditSeal | None) -> Iterator[Fault]:
    if complete is None:
        return
    oldest = complete.at - BACKDATED_AFTER
    covered = Exists(_links(seal).filter(pk=OuterRef("pk")))
    found = AuditEntry.objects.filter(covered, tenant=seal.tenant_id, at__lt=oldest)
    for entry in found.order_by("pk")[:1]:
        yield Fault(
            Wrong.INSERTED,
            f"It says it is of {entry.at:%Y-%m-%d %H:%M} UTC, but seal {complete.number} of "
            f"{complete.at:%Y-%m-%d %H:%M} did not find it.",
            seal.number,
            entry.pk,
        )


def _outside(tenant_id: UUID | None) -> Iterator[Fault]:
    """Faults that no seal shows: rows that the triggers would have kept from being so."""
    links = AuditLink.objects.filter(tenant=tenant_id)
    number_of_link = AuditSeal.objects.filter(tenant=tenant_id, number=OuterRef("number"))
    for link in links.exclude(number=None).exclude(Exists(number_of_link)).order_by("number")[:1]:
        yield Fault(Wrong.DELETED, "This seal is missing.", seal=link.number)
    entry_of_link = AuditEntry.objects.filter(tenant=tenant_id, pk=OuterRef("pk"))
    for link in links.filter(number=None).exclude(Exists(entry_of_link)).order_by("pk")[:1]:
        yield Fault(Wrong.DELETED, "It waited for its seal and is gone.", entry=link.pk)
    link_of_entry = AuditLink.objects.filter(tenant=tenant_id, pk=OuterRef("pk"))
    entries = AuditEntry.objects.filter(tenant=tenant_id)
    for entry in entries.exclude(Exists(link_of_entry)).order_by("pk")[:1]:
        yield Fault(Wrong.INSERTED, "It has no place in the chain.", entry=entry.pk)
