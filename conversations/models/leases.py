"""Who hosts a conversation: taken, kept and let go by statements that the database decides."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now

from accounts.keyset import SealedField, Unsealable
from accounts.models import Credential
from accounts.tenancy import TenantManager, TenantOwned, TenantQuerySet
from conversations.models.conversation import Conversation
from conversations.states import ConversationState

# A lease lasts this long and is renewed each second: expiry only lets others claim.
LEASE_TERM = timedelta(seconds=3)
# A conversation keeps its place among those at the same time for so long after its lease ran
# out: while it waits for its first worker, and while it goes from one worker to the next.
PLACE_TERM = timedelta(seconds=30)
# Who has not asked for so long has left the line; who asks again within the longer time, after
# a cut, has kept its place.
IN_LINE_TERM = timedelta(seconds=6)
KEEPS_PLACE_TERM = timedelta(seconds=30)


@dataclass(frozen=True)
class Claim:
    """A lease that was won: who hosts which conversation from now on, and under which epoch."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int


class LeaseQuerySet(TenantQuerySet["Lease"]):
    """The lease statements. All times are the database's own, so hosts' clocks do not matter."""

    def claim(self, conversation_id: uuid.UUID, worker: str, address: str) -> Claim | None:
        """Take the conversation if no living worker has it. The database decides who won."""
        # Not a join: Django would move all conditions into a subquery, which PostgreSQL does not
        # look at again after it has waited for the winner's row lock, and both would win.
        open_ones = Conversation.objects.exclude(state=ConversationState.ENDED).values("id")
        won = self.filter(
            conversation_id=conversation_id,
            conversation_id__in=open_ones,
            expires_at__lte=Now(),
        ).update(
            worker=worker,
            address=address,
            epoch=F("epoch") + 1,
            expires_at=Now() + LEASE_TERM,
            wanted_at=None,
            asked_at=None,
        )
        if not won:
            return None
        lease = self.filter(conversation_id=conversation_id, worker=worker).first()
        return Claim(conversation_id, lease.tenant_id, lease.epoch) if lease else None

    def renew(self, worker: str) -> dict[uuid.UUID, tuple[int, str]]:
        """Renew all of a worker's leases in one statement.

        Returns conversation id -> (epoch, stop reason or ""). A conversation that is missing
        from the answer belongs to somebody else now.
        """
        mine = self.filter(worker=worker)
        mine.update(expires_at=Now() + LEASE_TERM)
        rows = mine.values_list("conversation_id", "epoch", "conversation__stop_reason")
        return {conversation: (epoch, stop) for conversation, epoch, stop in rows}

    def release(self, conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
        """Let others claim at once. Does nothing if the lease is no longer this worker's."""
        self.filter(conversation_id=conversation_id, worker=worker, epoch=epoch).update(
            worker="", address="", credential=None, expires_at=Now()
        )

    def retire(self, conversation_id: uuid.UUID, worker: str, epoch: int) -> None:
        """The conversation has ended: nobody will host it again, and its handle goes too."""
        self.filter(conversation_id=conversation_id, worker=worker, epoch=epoch).delete()

    def with_place(self) -> LeaseQuerySet:
        """The conversations that count as being held at the same time: a worker hosts them, or
        did, or was asked to, less than PLACE_TERM ago. One that is paused for longer counts
        again when it is continued."""
        recent = self.filter(
            Q(expires_at__gt=Now() - PLACE_TERM) | Q(asked_at__gt=Now() - PLACE_TERM)
        )
        return recent.exclude(conversation__state=ConversationState.ENDED)

    def stand_in_line(self, conversation_id: uuid.UUID) -> int | None:
        """The conversation waits for room, from now on or still. Returns its place, from 1; None
        if a worker has it, or it has ended."""
        mine = self.filter(conversation_id=conversation_id, expires_at__lte=Now())
        kept = Case(When(asked_at__gt=Now() - KEEPS_PLACE_TERM, then=F("wanted_at")))
        mine.update(wanted_at=Coalesce(kept, Now()), asked_at=Now())
        lease_id = mine.values_list("id", flat=True).first()
        if lease_id is None:
            return None
        # The time never leaves the database: SQLite compares times as texts, and Python's are
        # written with more digits.
        since = mine.values("wanted_at")[:1]
        earlier = Q(wanted_at__lt=since) | Q(wanted_at=since, id__lt=lease_id)
        return self.in_line().filter(earlier).count() + 1

    def in_line(self) -> LeaseQuerySet:
        """The conversations that wait for room, who came first comes first."""
        waiting = self.filter(expires_at__lte=Now(), asked_at__gt=Now() - IN_LINE_TERM)
        return waiting.exclude(wanted_at=None).order_by("wanted_at", "id")

    def drop_unhosted(self, conversation_id: uuid.UUID) -> bool:
        """Nobody shall host the conversation any more. False if a worker has it already."""
        mine = self.filter(conversation_id=conversation_id, expires_at__lte=Now())
        deleted, _ = mine.delete()
        return bool(deleted)

    def holder(self, conversation_id: uuid.UUID) -> tuple[str, int] | None:
        """Return (link address, epoch) of the living worker that hosts the conversation."""
        return (
            self.filter(conversation_id=conversation_id, expires_at__gt=Now())
            .values_list("address", "epoch")
            .first()
        )


class Lease(TenantOwned):
    """Which worker hosts a conversation. Made with the conversation, expired from the start."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="lease")
    worker = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=120, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(db_default=Now())
    # What the session runs on, while a worker has it: a key is not deleted under a session.
    credential = models.ForeignKey(
        Credential, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    # Since when it stands in line for a worker with room, and when that was last said.
    wanted_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    sealed_handle = SealedField(
        purpose="handle", row="conversation_id", null=True, blank=True, editable=False
    )

    objects = TenantManager.from_queryset(LeaseQuerySet)()  # type: ignore[misc]

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(fields=["worker"], name="lease_of_worker"),
            models.Index(fields=["expires_at"], name="lease_by_expiry"),
            models.Index(
                fields=["wanted_at"],
                name="lease_in_line",
                condition=Q(wanted_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} at epoch {self.epoch}"

    def seal_handle(self, handle: str) -> bytes:
        """Seal a resumption handle for this conversation's row."""
        return Lease.sealed_handle.field.seal(self, handle.encode())

    def open_handle(self) -> str | None:
        """Return the stored resumption handle; None if there is none or it does not open."""
        if self.sealed_handle is None:
            return None
        try:
            return Lease.sealed_handle.field.unseal(self).decode()
        except Unsealable:
            return None  # a fresh session replaces it; the transcript is not affected
