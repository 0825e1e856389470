"""Sealing: entries join their tenant's chain in batches, made by a task every minute.

**Why the chain is not in the order of time.** An entry has its id and its time when it is made,
but others see it when its transaction commits, and that order is another one: a transaction that
began first may commit last, minutes later, and hosts' clocks differ. Whoever seals "all ids up to
X" after some margin bets that nothing below X is still to come. If the bet is lost, an honest
entry is left out for ever, or looks like one that was slipped in. No margin makes the bet safe: a
transaction may last as long as it likes, and a prepared one for days.

So a seal does not stand for a range. A trigger gives every entry, in the entry's own transaction,
an empty link (`AuditLink`), and sealing fills the links that are empty. Entry and link become
visible in the same moment. An entry that commits late is not below anything: its link is
simply still empty, and the next seal takes it, wherever its id would have stood. Each entry is in
exactly one seal, because a filled link is never filled again (a trigger refuses it) and the
link's key is the entry's id. The chain's order is the order of sealing; within a seal, of ids.
Emptiness is an index of its own, so that finding work costs what is waiting, not what is stored.

**What the margin is for.** `verification` uses time only to point at entries that claim to be
older than they can be: a complete seal left nothing behind that was visible, so an entry made
`BACKDATED_AFTER` before it should have been in it or in an earlier one.

**Two sealers.** A chain is sealed under an advisory lock that ends with the transaction; who does
not get it leaves the chain to the one who has. SQLite has one writer anyway. Were the lock lost,
the unique number of a seal would still let only one of two commit.

**What it does not prove.** Whoever owns the database can switch triggers off, rewrite entries
and compute every later seal anew. The hash of each seal is logged, so that the log, kept
elsewhere, holds what `audit verify --known` compares with.
"""

import hashlib
import logging
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from accounts.audit.chain import NEWEST_FORM, chain_scope, entry_hash, seal_hash
from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.tenancy import platform_scope

logger = logging.getLogger(__name__)

BATCH = 500
_FILL = "UPDATE accounts_auditlink SET number = %s, position = %s, hash = %s WHERE id = %s"


class LinkMissing(Exception):
    """A seal was to cover a link that cannot be written, so nothing was sealed."""


def seal_all(now: datetime) -> int:
    """Seal what waits in every chain. Returns how many entries were sealed."""
    return sum(seal_chain(tenant_id, now) for tenant_id in _waiting_chains())


def seal_chain(tenant_id: UUID | None, now: datetime) -> int:
    """Seal what waits in one chain, the platform's for None. Returns how many entries; 0 also
    when somebody else is sealing it."""
    sealed = 0
    while seal := _seal_batch(tenant_id, now):
        sealed += seal.count
        logger.info(
            "audit seal %d of %s over %d entries: %s",
            seal.number,
            tenant_id or "the platform",
            seal.count,
            seal.hash,
        )
        if seal.is_complete:
            break
    return sealed


def _waiting_chains() -> list[UUID | None]:
    with platform_scope("find audit entries that wait for their seal"):
        waiting = AuditLink.objects.filter(number=None).order_by("tenant_id")
        return list(waiting.values_list("tenant_id", flat=True).distinct())


def _seal_batch(tenant_id: UUID | None, now: datetime) -> AuditSeal | None:
    with chain_scope(tenant_id), transaction.atomic():
        if not lock_chain(tenant_id):
            return None
        waiting = AuditLink.objects.filter(tenant=tenant_id, number=None)
        links = list(waiting.order_by("id")[: BATCH + 1])
        if not links:
            return None
        seal = _new_seal(tenant_id, now, links)
        _fill(links[:BATCH], seal)
        seal.save(force_insert=True)
    return seal


def _new_seal(tenant_id: UUID | None, now: datetime, waiting: list[AuditLink]) -> AuditSeal:
    last = AuditSeal.objects.filter(tenant=tenant_id).order_by("-number").first()
    return AuditSeal(
        tenant_id=tenant_id,
        number=last.number + 1 if last else 1,
        at=now,
        form=NEWEST_FORM,
        count=min(len(waiting), BATCH),
        is_complete=len(waiting) <= BATCH,
        previous=last.hash if last else "",
    )


def _fill(links: list[AuditLink], seal: AuditSeal) -> None:
    entries = AuditEntry.objects.in_bulk([link.pk for link in links])
    for position, link in enumerate(links):
        entry = entries.get(link.pk)
        link.number, link.position = seal.number, position
        # Without its entry the link stays without a hash, for verification to name: one that
        # was deleted must not keep the others from being sealed.
        link.hash = entry_hash(entry, seal.form) if entry else ""
    seal.hash = seal_hash(seal, links)
    write_links(links)


def write_links(links: list[AuditLink]) -> None:
    """Store what sealing has filled in. Raises LinkMissing unless every link is there.

    By hand, because `bulk_update` takes four times as long for its conditions.
    """
    key = AuditLink._meta.pk
    values = [
        (link.number, link.position, link.hash, key.get_db_prep_value(link.pk, connection))
        for link in links
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_FILL, values)
        if cursor.rowcount != len(links):
            raise LinkMissing(f"{len(links) - cursor.rowcount} links of a seal are not there.")


def lock_chain(tenant_id: UUID | None) -> bool:
    """Take the chain's lock until the transaction ends. False when somebody else has it."""
    if connection.vendor != "postgresql":
        return True
    key = hashlib.sha256(f"audit chain {tenant_id}".encode()).digest()[:8]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(key, "big", signed=True)]
        )
        return bool(cursor.fetchone()[0])
