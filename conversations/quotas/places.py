"""May this person begin, or continue, a conversation with this agent now?

Places are taken without a race: while one is given, the tenant's row is locked, so that two
who ask at once cannot both get the last one.
"""

from __future__ import annotations

import uuid

from django.db.models.functions import Now
from django.utils import timezone

from accounts.limits import LimitKind
from accounts.models import Tenant
from conversations.models import Conversation, Lease
from conversations.quotas.notices import note
from conversations.quotas.parties import Parties, parties_of
from conversations.quotas.rules import Reached, Refusal, Stack, budgets_of, reached, refusal
from conversations.quotas.use import UseBook


class LimitReached(Exception):
    """A hard limit: nothing begins now. `refusal` says why, what to do and when to ask again;
    `tell_staff` is to be called once the transaction that was refused is over."""

    def __init__(self, refusal: Refusal, parties: Parties, found: list[Reached]) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self._found = (parties, found)

    def tell_staff(self) -> None:
        note([self._found], timezone.now())


def check_room(parties: Parties, stack: Stack) -> None:
    """Check that these limits leave room for one more conversation. It has to be made in the
    same transaction, in which this runs. Raises LimitReached."""
    budgets = budgets_of(stack)
    if any(budget.kind == LimitKind.SESSIONS for budget in budgets):
        _wait_for_turn(parties.tenant_id)
    now = timezone.now()
    use = UseBook([(parties, budgets)], now).use_of(parties)
    if (refused := refusal(budgets, use, now)) is not None:
        raise LimitReached(refused, parties, reached(budgets, use))


def _wait_for_turn(tenant_id: uuid.UUID) -> None:
    # "No key": rows that point to the tenant can still be written meanwhile. SQLite has one
    # writer, who is there since the transaction began.
    list(Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).values_list("pk"))


def take_place_again(conversation: Conversation, stack: Stack) -> None:
    """Continue a conversation, which needs a place unless it still has one. Run it in a
    transaction. Raises LimitReached."""
    lease = Lease.objects.filter(conversation=conversation)
    if not lease.exists() or Lease.objects.with_place().filter(conversation=conversation).exists():
        return  # it has ended, or it is held already
    check_room(parties_of(conversation), stack)
    # From now on it counts, while it waits for its worker.
    lease.filter(expires_at__lt=Now()).update(expires_at=Now())
