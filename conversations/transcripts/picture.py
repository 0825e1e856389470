"""What is stored of a conversation, as the picture a page shows."""

from __future__ import annotations

from datetime import datetime

from conversations import protocol as p
from conversations.models import Conversation
from conversations.states import (
    AgentState,
    CallState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)

# More than fit into a snapshot; the bytes decide, this only bounds the query.
LAST_TURNS = 300


def load_picture(conversation: Conversation) -> p.Picture:
    """Read the last turns that fit into a snapshot. Needs a scope that sees the conversation."""
    rows = list(conversation.turns.order_by("-epoch", "-first_seq")[: LAST_TURNS + 1])
    picture = p.Picture(
        state=ConversationState(conversation.state),
        agent=AgentState.WAITING,
        turns=[
            p.TurnPicture(
                turn=row.key,
                speaker=Speaker(row.speaker),
                state=TurnState(row.state),
                text=row.text,
                saved=row.state != TurnState.PARTIAL,
                ms=row.start_ms,
                ref=row.ref or None,
            )
            for row in reversed(rows[:LAST_TURNS])
        ],
        earlier=len(rows) > LAST_TURNS,
        tools=tools_of(conversation),
        ended=EndReason(conversation.end_reason) if conversation.end_reason else None,
    )
    picture.trim(p.SNAPSHOT_BYTES)
    return picture


def tools_of(conversation: Conversation) -> list[p.ToolPicture]:
    """The last tool calls. What a page was given to make one is not stored."""
    rows = conversation.tool_calls.order_by("-id")[: p.TOOLS_SHOWN]
    return [
        p.ToolPicture(
            call=row.call,
            name=row.name,
            state=CallState(row.state),
            ms=ms_between(conversation.started_at, row.created_at),
            end_ms=ms_between(conversation.started_at, row.answer_by) if row.answer_by else None,
            took_ms=ms_between(row.created_at, row.ended_at) if row.ended_at else None,
            summary=row.summary or None,
        )
        for row in reversed(rows)
    ]


def ms_between(began: datetime, at: datetime) -> int:
    return max(0, round((at - began).total_seconds() * 1000))
