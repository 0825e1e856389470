"""What the simulator remembers of the conversation."""

import re
from collections.abc import Sequence

from live.simulator.skills.asked import Asked

_CODE_WORD = re.compile(r"\bcode ?word is[:\s]+[\"'\u201c]?([\w-]+)", re.IGNORECASE)
_ASKS_CODE_WORD = re.compile(r"\bcode ?word\b", re.IGNORECASE)
_MY_NAME = re.compile(r"\b(?:my name is|i am called|call me)\s+([\w'-]+)", re.IGNORECASE)
_ASKS_NAME = re.compile(r"\bwhat(?:'s| is) my name\b|\bwho am i\b", re.IGNORECASE)
_ASKS_SAID = re.compile(
    r"what did i (?:just )?(?:say|ask|tell)|what have i (?:said|asked)", re.IGNORECASE
)


def code_word(asked: Asked) -> str | None:
    if told := _CODE_WORD.search(asked.text):
        return f"I will remember it: the code word is {told[1]}."
    if not _ASKS_CODE_WORD.search(asked.text):
        return None
    known = _newest(_CODE_WORD, asked.user_texts)
    return f"The code word is {known}." if known else "You have not told me a code word yet."


def own_name(asked: Asked) -> str | None:
    if told := _MY_NAME.search(asked.text):
        return f"Nice to meet you, {told[1].capitalize()}! How can I help you?"
    if not _ASKS_NAME.search(asked.text):
        return None
    known = _newest(_MY_NAME, asked.user_texts)
    return f"Your name is {known.capitalize()}." if known else "You have not told me your name."


def what_was_said(asked: Asked) -> str | None:
    if not _ASKS_SAID.search(asked.text):
        return None
    if not asked.user_texts:
        return "This is the first thing you said to me."
    first = asked.has("first")
    said = asked.user_texts[0] if first else asked.user_texts[-1]
    return f"{'The first thing you said was' if first else 'You said'}: {said}"


def _newest(pattern: re.Pattern[str], texts: Sequence[str]) -> str:
    for text in reversed(texts):
        if found := pattern.search(text):
            return found[1]
    return ""
