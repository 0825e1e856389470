"""A question with all that an answer may depend on."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from live.simulator.sessions import Role, Said

_WORD = re.compile(r"[a-zà-ÿ0-9]+(?:['-][a-zà-ÿ0-9]+)*")
_FACT = re.compile(r"^\s*[-*]?\s*fact:\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """`text` is what the person said since the last answer, `history` all before it.

    `now` is the time of day, aware; `seed` chooses between equally good wordings. `pictures` is
    how many the session has looked at, `last_picture` the newest one's width and height in pixels.
    """

    text: str
    history: Sequence[Said]
    instruction: str
    now: datetime
    seed: int = 0
    pictures: int = 0
    last_picture: tuple[int, int] = (0, 0)

    @cached_property
    def words(self) -> list[str]:
        """The words in lower case, without punctuation."""
        return words_of(self.text)

    @cached_property
    def facts(self) -> list[str]:
        """The lines `Fact: …` of the system instruction."""
        return _FACT.findall(self.instruction)

    @cached_property
    def user_texts(self) -> list[str]:
        """What the person said before, oldest first."""
        return [said.text for said in self.history if said.role is Role.USER]

    def has(self, *candidates: str) -> bool:
        """Whether one of these words was said."""
        return not set(candidates).isdisjoint(self.words)

    def choose(self, wordings: Sequence[str]) -> str:
        """Return one of some equally good wordings."""
        place = f"{self.seed}/{len(self.history)}/{self.text}"
        chance = random.Random(place)  # noqa: S311 - chance for a wording, not a secret
        return chance.choice(wordings)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))
