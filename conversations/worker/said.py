"""What was said so far, in the words of the Live API, for a session that begins anew. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from conversations import protocol as p
from conversations.states import Speaker
from conversations.tools.ledger import LeftCall
from live.messages import Content, text_content

# How many turns a fresh session is seeded with.
HISTORY_TURNS: Final = 40
# A speaker's name in the Live API's contents.
ROLES: Final = {Speaker.USER: "user", Speaker.AGENT: "model"}

REMINDER_CHARS: Final = 16 * 1024
REMINDER: Final = """\
(The connection was lost before this was answered:
{asked}
For it these functions were called; this is what they answered:
{calls}
Answer now. Do not call them again for the same thing.)"""


def history(picture: p.Picture) -> list[Content]:
    said = [turn for turn in picture.turns if turn.text and turn.speaker in ROLES]
    return [text_content(ROLES[turn.speaker], turn.text) for turn in said[-HISTORY_TURNS:]]


def unanswered(picture: p.Picture) -> list[str]:
    """The user's last texts, which nobody answered and for which no function was called: a
    session that waits for a function has taken up what it was called for."""
    called_ms = max((tool.ms for tool in picture.tools), default=-1)
    return [turn.text for turn in open_questions(picture) if turn.ms > called_ms]


def open_questions(picture: p.Picture) -> list[p.TurnPicture]:
    """The user's last turns, which nobody answered."""
    asked: list[p.TurnPicture] = []
    for turn in reversed(picture.turns):
        if turn.text and turn.speaker in ROLES:
            if turn.speaker != Speaker.USER:
                break
            asked.insert(0, turn)
    return asked


def reminder(picture: p.Picture, left: Sequence[LeftCall]) -> str:
    """What to tell a session that begins anew of the functions that were called for what nobody
    answered: it would call them again. "" when there is nothing to tell."""
    again = unanswered(picture)
    asked = [turn.text for turn in open_questions(picture) if turn.text not in again]
    if not asked or not left:
        return ""
    lines = [f"- {call.name}: {json.dumps(dict(call.told.response))}" for call in left]
    return REMINDER.format(asked="\n".join(asked), calls="\n".join(lines)[:REMINDER_CHARS])
