"""What the assembly hands to the writer. Plain data: no database, no loop."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from conversations.states import ConversationState, EndReason, Speaker, TurnState
from conversations.usage.records import UsageRecord


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn as far as it is known; a later record of the same turn replaces this one."""

    epoch: int
    first_seq: int
    last_seq: int
    speaker: Speaker
    state: TurnState
    text: str
    ref: str
    start_ms: int
    end_ms: int | None

    @property
    def key(self) -> str:
        return f"{self.epoch}.{self.first_seq}"


@dataclass(frozen=True, slots=True)
class EventRecord:
    epoch: int
    seq: int
    kind: str
    ms: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything of one conversation that is not stored yet, under one epoch.

    `state_changed` tells whether the conversation's own row has to be written too, which
    costs more than the turns. `end_reason` is set once the conversation has ended; `handle`
    is the newest resumption handle if it is not stored yet.
    """

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int
    seq: int
    state: ConversationState
    state_changed: bool = True
    turns: list[TurnRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    end_reason: EndReason | None = None
    handle: str | None = None
    usage: list[UsageRecord] = field(default_factory=list)
