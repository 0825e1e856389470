"""Which tool calls were begun and how they ended. Runs in a database thread.

A call is a committed fact before it is made, under the epoch of the worker that makes it. A
worker whose lease is gone begins nothing and ends nothing. What a lost worker had begun is never
made again: nobody knows whether the tool did it. What a page has begun goes on, for the page
outlives the worker; what it was asked and had not begun was not done.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.tenancy import platform_scope
from conversations.models import Lease, ToolCall
from conversations.states import OPEN_CALLS, CallState
from conversations.tools.outcomes import CallFailed, Outcome

SUMMARY_CHARS = 300


class NotOurs(Exception):
    """Another worker has the conversation."""


@dataclass(frozen=True, slots=True)
class Host:
    """Who makes calls: a conversation in one epoch."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class LeftCall:
    """A call of a lost worker's; the model may wait for its answer still. `outcome` is None where
    a page is making it, for `left_s` seconds at most. `was_over`: the lost worker had its answer.
    """

    id: str
    name: str
    outcome: Outcome | None = None
    left_s: float = 0.0
    was_over: bool = False

    @property
    def told(self) -> Outcome:
        """What the model is told of it when nobody can wait for a page."""
        return self.outcome or unknown()


def unknown() -> Outcome:
    """What the model is told of a call that a lost worker had begun."""
    return CallFailed(
        "outcome_unknown",
        "The connection to the tool was lost. Whether it did anything is not known.",
    ).outcome()


def not_begun() -> Outcome:
    """What the model is told of a call that no page had begun when its worker was lost."""
    return CallFailed("not_made", "The call was not made. Call again.").outcome()


def begin(
    host: Host, call_id: str, name: str, *, answer_by: datetime | None = None
) -> Outcome | None:
    """Note that a call is about to be made, or that a page is asked to make it until `answer_by`.
    None: go on; otherwise it was made, with this outcome.

    Raises NotOurs.
    """
    with platform_scope("a tool call begins"):
        _check(host)
        call, is_new = ToolCall.objects.get_or_create(
            conversation_id=host.conversation_id,
            call=call_id,
            defaults={
                "tenant_id": host.tenant_id,
                "name": name,
                "epoch": host.epoch,
                "state": CallState.REQUESTED if answer_by else CallState.RUNNING,
                "answer_by": answer_by,
            },
        )
        if is_new:
            return None
        if call.state in OPEN_CALLS:
            return unknown()
        return _outcome_of(call)


def take(host: Host, call_id: str) -> bool:
    """Note that a page is about to make a call. False when one was before. Raises NotOurs."""
    with platform_scope("a page takes a tool call"):
        _check(host)
        asked = ToolCall.objects.filter(
            conversation=host.conversation_id,
            call=call_id,
            epoch=host.epoch,
            state=CallState.REQUESTED,
        )
        return bool(asked.update(state=CallState.RUNNING))


def finish(host: Host, call_id: str, outcome: Outcome) -> None:
    """Note how a call ended; an end that was noted stays. Raises NotOurs."""
    with platform_scope("a tool call ends"):
        _check(host)
        _end(_open(host).filter(call=call_id, epoch=host.epoch), outcome)


def give_up(host: Host, now: datetime, since: datetime | None = None) -> list[LeftCall]:
    """End what earlier hosts had begun, but for what a page goes on with. Returns all of these,
    and the calls since `since` that were over: the model may not have heard. Needs a scope that
    sees the conversation."""
    return [*_over(host, since), *_left(host, now)] if since else list(_left(host, now))


def _over(host: Host, since: datetime) -> list[LeftCall]:
    calls = ToolCall.objects.filter(conversation=host.conversation_id, created_at__gte=since)
    rows = calls.exclude(state__in=OPEN_CALLS).order_by("id")
    return [LeftCall(row.call, row.name, _outcome_of(row), was_over=True) for row in rows]


def _left(host: Host, now: datetime) -> Iterator[LeftCall]:
    for row in _open(host).filter(epoch__lt=host.epoch).order_by("id"):
        this = ToolCall.objects.filter(pk=row.pk)
        left_s = (row.answer_by - now).total_seconds() if row.answer_by else 0.0
        if row.state == CallState.RUNNING and left_s > 0:
            this.update(epoch=host.epoch)
            yield LeftCall(row.call, row.name, None, left_s)
            continue
        outcome = not_begun() if row.state == CallState.REQUESTED else unknown()
        _end(this, outcome)
        yield LeftCall(row.call, row.name, outcome)


def _outcome_of(call: ToolCall) -> Outcome:
    return Outcome(call.response or {}, CallState(call.state), call.summary)


def _open(host: Host) -> QuerySet[ToolCall]:
    return ToolCall.objects.filter(conversation=host.conversation_id, state__in=OPEN_CALLS)


def _end(calls: QuerySet[ToolCall], outcome: Outcome) -> None:
    calls.update(
        state=outcome.state,
        response=dict(outcome.response),
        summary=outcome.summary[:SUMMARY_CHARS],
        ended_at=Now(),
    )


def _check(host: Host) -> None:
    held = Lease.objects.filter(conversation=host.conversation_id, epoch=host.epoch)
    if not held.exists():
        raise NotOurs
