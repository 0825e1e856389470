"""Which tool calls were begun and how they ended. Runs in a database thread.

A call is a committed fact before it is made, under the epoch of the worker that makes it. A
worker whose lease is gone begins nothing and ends nothing. What a lost worker had begun is never
made again: nobody knows whether the tool did it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models.functions import Now

from accounts.tenancy import platform_scope
from conversations.models import Lease, ToolCall
from conversations.states import CallState
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
class OpenCall:
    """A call that a lost worker left open; the model may wait for its answer still."""

    id: str
    name: str


def unknown() -> Outcome:
    """What the model is told of a call that a lost worker had begun."""
    return CallFailed(
        "outcome_unknown",
        "The connection to the tool was lost. Whether it did anything is not known.",
    ).outcome()


def begin(host: Host, call_id: str, name: str) -> Outcome | None:
    """Note that a call is about to be made. None: make it; otherwise it was, with this outcome.

    Raises NotOurs.
    """
    with platform_scope("a tool call begins"):
        _check(host)
        call, is_new = ToolCall.objects.get_or_create(
            conversation_id=host.conversation_id,
            call=call_id,
            defaults={"tenant_id": host.tenant_id, "name": name, "epoch": host.epoch},
        )
        if is_new:
            return None
        if not call.state:
            return unknown()
        return Outcome(call.response or {}, CallState(call.state), call.summary)


def finish(host: Host, call_id: str, outcome: Outcome) -> None:
    """Note how a call ended; an end that was noted stays. Raises NotOurs."""
    with platform_scope("a tool call ends"):
        _check(host)
        begun = ToolCall.objects.filter(conversation=host.conversation_id, call=call_id, state="")
        begun.filter(epoch=host.epoch).update(
            state=outcome.state,
            response=dict(outcome.response),
            summary=outcome.summary[:SUMMARY_CHARS],
            ended_at=Now(),
        )


def give_up(host: Host) -> list[OpenCall]:
    """End what earlier hosts had begun. Returns those calls: the model may wait for them."""
    left = ToolCall.objects.filter(conversation=host.conversation_id, state="")
    left = left.filter(epoch__lt=host.epoch)
    calls = [OpenCall(*each) for each in left.values_list("call", "name")]
    outcome = unknown()
    left.update(
        state=outcome.state,
        response=dict(outcome.response),
        summary=outcome.summary,
        ended_at=Now(),
    )
    return calls


def _check(host: Host) -> None:
    held = Lease.objects.filter(conversation=host.conversation_id, epoch=host.epoch)
    if not held.exists():
        raise NotOurs
