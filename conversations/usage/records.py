"""What the meter hands to the book. Plain data: no database, no loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import live
from conversations.states import TokenKind

Tokens = Mapping[TokenKind, int]

_INWARDS = {
    "TEXT": TokenKind.TEXT_IN,
    "AUDIO": TokenKind.AUDIO_IN,
    "IMAGE": TokenKind.IMAGE_IN,
    "VIDEO": TokenKind.VIDEO_IN,
}
_OUTWARDS = {"TEXT": TokenKind.TEXT_OUT, "AUDIO": TokenKind.AUDIO_OUT}


@dataclass(frozen=True, slots=True)
class Account:
    """Who uses: in which conversation, of whom with which agent, and with which model.

    `token_id`: the token that the conversation was begun with, if that has a budget.
    """

    tenant_id: UUID
    conversation_id: UUID
    agent_id: UUID
    user_id: UUID | None
    model: str
    token_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """A report of the upstream, or a stretch of time with it, all in one `day` of UTC.

    `id` is given when it is noted, so that it is known again however often it is written.
    """

    id: UUID
    account: Account
    epoch: int
    number: int
    day: date
    talked_ms: int = 0
    tokens: Tokens = field(default_factory=dict)


def tokens_of(usage: live.Usage) -> Tokens:
    """The tokens of one report as they are billed.

    The prompt has the whole context again, cached tokens are part of it and cost the same, what
    tools brought comes on top. Thoughts are text that comes out. Whatever is counted but not
    detailed is of the kind `other`.
    """
    found: Counter[TokenKind] = Counter()
    inwards, other_in = _INWARDS, TokenKind.OTHER_IN
    _sort(found, usage.prompt_tokens, usage.prompt_details, inwards, other_in)
    _sort(found, usage.tool_use_tokens, usage.tool_use_details, inwards, other_in)
    _sort(found, usage.response_tokens, usage.response_details, _OUTWARDS, TokenKind.OTHER_OUT)
    found[TokenKind.TEXT_OUT] += usage.thoughts_tokens
    return {kind: count for kind, count in found.items() if count > 0}


def _sort(
    found: Counter[TokenKind],
    total: int,
    details: Mapping[str, int],
    kinds: Mapping[str, TokenKind],
    other: TokenKind,
) -> None:
    for modality, count in details.items():
        found[kinds.get(modality, other)] += count
    found[other] += max(0, total - sum(details.values()))
