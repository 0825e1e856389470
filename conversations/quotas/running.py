"""The limits of conversations that run: looked up for many at once, and their stop as a fact.

However many conversations are asked about, the number of statements is the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from django.utils import timezone

from accounts.limits import LimitKind
from accounts.tenancy import platform_scope
from conversations.models import Conversation
from conversations.quotas.notices import note
from conversations.quotas.parties import Parties, PartyKey, parties_of, stacks_of
from conversations.quotas.rules import (
    Budget,
    Reached,
    Stack,
    Whose,
    bounds_of,
    budgets_of,
    reached,
)
from conversations.quotas.timekeeper import Standing
from conversations.quotas.use import UseBook, newest_with_place
from conversations.states import ConversationState, EndReason

UNLIMITED: Final = Standing()


def standings(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """What is known of the limits of these conversations now. Staff are told, once in each
    period, of budgets that are nearly or wholly used up."""
    with platform_scope("limits of running conversations"):
        rows = Conversation.objects.filter(pk__in=ids).select_related(
            "tenant", "agent", "access_token"
        )
        found = {row.pk: row for row in rows}
        now = timezone.now()
        stacks = stacks_of(found.values())
        parties = {pk: parties_of(row) for pk, row in found.items()}
        reached_by = all_reached(stacks, parties, now)
        used_up = used_up_by(parties, reached_by)
        note(((parties[pk], each) for pk, each in reached_by.items()), now)
    return {
        pk: Standing(bounds_of(stack), used_up[pk], _near(reached_by[pk]))
        for pk, stack in stacks.items()
    }


def all_reached(
    stacks: dict[uuid.UUID, Stack], parties: dict[uuid.UUID, Parties], now: datetime
) -> dict[uuid.UUID, list[Reached]]:
    """Conversation id -> the budgets that it and the others have reached."""
    budgets = {pk: budgets_of(stack) for pk, stack in stacks.items()}
    book = UseBook(((parties[pk], each) for pk, each in budgets.items()), now)
    return {pk: reached(each, book.use_of(parties[pk])) for pk, each in budgets.items()}


def used_up_by(
    parties: dict[uuid.UUID, Parties], found: dict[uuid.UUID, list[Reached]]
) -> dict[uuid.UUID, frozenset[LimitKind]]:
    """Conversation id -> the budgets that end it."""
    surplus = _surplus(parties, found)
    return {pk: _used_up(each, is_surplus=pk in surplus) for pk, each in found.items()}


def _used_up(found: Iterable[Reached], *, is_surplus: bool) -> frozenset[LimitKind]:
    """Places are for who has one: a conversation goes only when there are too many of them."""
    kinds = {each.budget.kind for each in found if each.is_hard} - {LimitKind.SESSIONS}
    return frozenset(kinds | {LimitKind.SESSIONS} if is_surplus else kinds)


def _near(found: Iterable[Reached]) -> dict[LimitKind, int]:
    """The budgets of the person, or of the token they came with. Those of the tenant and of the
    agent are the staff's business."""
    return {
        each.budget.kind: each.percent
        for each in found
        if each.budget.whose in {Whose.USER, Whose.TOKEN}
        and not each.is_hard
        and each.budget.kind != LimitKind.SESSIONS
    }


def _surplus(
    parties: dict[uuid.UUID, Parties], found: dict[uuid.UUID, list[Reached]]
) -> set[uuid.UUID]:
    """The conversations beyond a limit of places, which was lowered: the newest ones go."""
    over: dict[PartyKey, int] = {}
    for pk, reached_ones in found.items():
        for each in reached_ones:
            key = parties[pk].key(each.budget.whose)
            if key is not None and is_over(each.budget, each.used):
                over[key] = each.used - each.budget.hard
    return newest_with_place(over) if over else set()


def is_over(budget: Budget, used: int) -> bool:
    return budget.kind == LimitKind.SESSIONS and used > budget.hard


def stop(conversation_id: uuid.UUID, reason: EndReason) -> EndReason:
    """Make the stop a fact, so that every process agrees. Returns the reason that counts: that
    of whoever asked first."""
    with platform_scope("stop a conversation at its limit"):
        rows = Conversation.objects.filter(pk=conversation_id)
        asked = rows.filter(stop_reason="").exclude(state=ConversationState.ENDED)
        asked.update(stop_reason=reason)
        noted = rows.values_list("stop_reason", flat=True).first()
    return EndReason(noted) if noted else reason
