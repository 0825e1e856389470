"""What is stored of a conversation, as the picture a page shows."""

from __future__ import annotations

from conversations import protocol as p
from conversations.models import Conversation
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState

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
        ended=EndReason(conversation.end_reason) if conversation.end_reason else None,
    )
    picture.trim(p.SNAPSHOT_BYTES)
    return picture
