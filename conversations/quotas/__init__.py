"""Limits and budgets: what may begin, what is warned and ended, and who is told.

The rules are pure (`rules`, `timekeeper`, `bucket`); around them thin shells read rows: at
admission (`places`), for what runs (`running`), and for the staff (`notices`).
"""

from conversations.quotas.notices import Notice, notices
from conversations.quotas.places import LimitReached, check_room, take_place_again
from conversations.quotas.running import standings, stop

__all__ = [
    "LimitReached",
    "Notice",
    "check_room",
    "notices",
    "standings",
    "stop",
    "take_place_again",
]
