"""What the simulator answers: pure functions from what was said to what is said back.

It is no language model. Each skill looks for a few words and answers when it finds
them; the first that answers wins. The same question in the same place of the same
conversation with the same seed always gets the same answer.
"""

from collections.abc import Callable

from live.simulator.skills.asked import Asked
from live.simulator.skills.backed import Backed
from live.simulator.skills.manners import farewell, greet, introduce, unheard
from live.simulator.skills.recall import code_word, own_name, what_was_said
from live.simulator.skills.search import read_pages, search
from live.simulator.skills.shop import shop
from live.simulator.skills.sight import look
from live.simulator.skills.sums import work_out
from live.simulator.skills.tricks import clock, count, repeat, spell, tell_story
from live.simulator.tools import Tools

__all__ = ["Asked", "Backed", "answer", "backed_answer"]

_SKILLS: tuple[Callable[[Asked], str | None], ...] = (
    unheard,
    repeat,
    code_word,
    own_name,
    look,
    what_was_said,
    tell_story,
    count,
    spell,
    clock,
    shop,
    introduce,
    farewell,
    greet,
)


def answer(asked: Asked) -> str:
    """Return the answer to what was asked; never empty."""
    for skill in _SKILLS:
        found = skill(asked)
        if found:
            return found
    return _fallback(asked)


def backed_answer(asked: Asked, tools: Tools) -> Backed:
    """Return the answer, backed by a built-in tool where the question asks for one it has."""
    skills = (
        (tools.runs_code, work_out),
        (tools.reads_pages, read_pages),
        (tools.searches, search),
    )
    for may, skill in skills:
        found = skill(asked) if may else None
        if found:
            return found
    return Backed(answer(asked))


def _fallback(asked: Asked) -> str:
    quoted = " ".join(asked.text.split()[:12]).rstrip(".,!?")
    topics = "prices, sizes, delivery, returns and stock"
    if asked.facts:
        topics = "what is written in my instructions"
    offers = "count, spell a word, tell the time, or tell a long story"
    if not quoted:
        return f"I am listening. I know about {topics}, and I can {offers}."
    openings = (
        f"You said: {quoted}. I have no answer to that one.",
        f"I heard: {quoted}. That is beyond me.",
        f"About {quoted}: I am afraid I do not know.",
    )
    return f"{asked.choose(openings)} I know about {topics}, and I can {offers}."
