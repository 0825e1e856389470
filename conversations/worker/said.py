"""What was said so far, in the words of the Live API, for a session that begins anew. Pure."""

from __future__ import annotations

from typing import Final

from conversations import protocol as p
from conversations.states import Speaker
from live.messages import Content, text_content

# How many turns a fresh session is seeded with.
HISTORY_TURNS: Final = 40
# A speaker's name in the Live API's contents.
ROLES: Final = {Speaker.USER: "user", Speaker.AGENT: "model"}


def history(picture: p.Picture) -> list[Content]:
    said = [turn for turn in picture.turns if turn.text and turn.speaker in ROLES]
    return [text_content(ROLES[turn.speaker], turn.text) for turn in said[-HISTORY_TURNS:]]


def unanswered(picture: p.Picture) -> list[str]:
    """The user's last texts, which nobody answered."""
    texts: list[str] = []
    for turn in reversed(picture.turns):
        if turn.text and turn.speaker in ROLES:
            if turn.speaker != Speaker.USER:
                break
            texts.insert(0, turn.text)
    return texts
