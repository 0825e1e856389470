"""Small tricks that are easy to check by ear: repeat, count, spell, the time, a story."""

import re

from live.simulator.skills.asked import Asked
from live.simulator.skills.numbers import in_words, numbers_in
from live.simulator.skills.stories import STORIES

MOST = 100
_REPEAT = re.compile(
    r"^\W*(?:(?:please|now|can you|could you|hello|hi|hey)[,\s]+)*"
    r"(?:say|repeat(?: after me)?)\b[:,\s]+(?:the words? )?(\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_SPELL = re.compile(r"\bspell\s+(?:the\s+)?(?:words?\s+|name\s+)?[\"']?([\w'-]+)", re.IGNORECASE)


def repeat(asked: Asked) -> str | None:
    match = _REPEAT.match(asked.text)
    return match[1].strip().strip("\"'") if match else None


def count(asked: Asked) -> str | None:
    if not asked.has("count", "counting"):
        return None
    numbers = [min(number, MOST) for number in numbers_in(asked.words)] or [10]
    first, last = (numbers[0], numbers[1]) if len(numbers) > 1 else (1, numbers[0])
    if asked.has("down", "backwards") and first < last:
        first, last = last, first
    step = 1 if first <= last else -1
    counted = ", ".join(in_words(number) for number in range(first, last + step, step))
    return counted.capitalize() + "."


def spell(asked: Asked) -> str | None:
    match = _SPELL.search(asked.text)
    if not match:
        return None
    letters = ", ".join(match[1].upper())
    return f"{match[1]} is spelt {letters}."


def clock(asked: Asked) -> str | None:
    now = asked.now
    if asked.has("time", "clock") and asked.has("what", "what's", "tell", "current", "is", "now"):
        return f"It is {now:%H:%M} {now.tzname() or 'UTC'}."
    if asked.has("date", "day", "today") and asked.has("what", "what's", "which"):
        return f"Today is {now:%A}, {now.day} {now:%B %Y}."
    return None


def tell_story(asked: Asked) -> str | None:
    if not asked.has("story", "stories", "tale"):
        return None
    if not asked.has("tell", "long", "another", "read", "give", "hear", "want", "like", "please"):
        return None
    told = sum("story" in text.lower() for text in asked.user_texts)
    return STORIES[(asked.seed + told) % len(STORIES)]
