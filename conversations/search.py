"""Conversations by what was said in them: the one place that knows how words are found.

On PostgreSQL by full text, in the way of a web search: `"size 42" or boots -leather`, all of it
within one turn, whole words, in whatever language. docs/decisions/043 says how. SQLite has none of
that: there each word has to be somewhere in one turn.
"""

from __future__ import annotations

from typing import Final

from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, QuerySet, Value

from conversations.models import Conversation, Turn
from conversations.states import TurnState

MOST_CHARS: Final = 200


class _WithWords(Func):
    """Whether an id is among those of the conversations with the words."""

    template = "(%(expressions)s)))"
    arg_joiner = " IN (SELECT conversations_with_words("
    output_field = BooleanField()


def with_words(rows: QuerySet[Conversation], text: str) -> QuerySet[Conversation]:
    """Those of the scope in which somebody said it. A text without a word finds nothing."""
    if connection.vendor == "postgresql":
        return rows.filter(_WithWords(F("pk"), Value(text)))
    words = text.split()
    turns = Turn.objects.filter(conversation=OuterRef("pk")).exclude(state=TurnState.PARTIAL)
    for word in words:
        turns = turns.filter(text__icontains=word)
    return rows.filter(Exists(turns)) if words else rows.none()
