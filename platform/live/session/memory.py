"""What a session that begins anew is told of the one before it. Pure.

Only whole utterances, the newest of them: the words are billed again, and a model that is told too
much answers late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from live.events import Event
from live.messages import Content, text_content
from live.transcript import Speaker, Stage, Transcript, Utterance

UTTERANCES = 40

_ROLES = {Speaker.USER: "user", Speaker.MODEL: "model"}


class Memory:
    """Remembers the end of a talk, as Live API contents."""

    def __init__(self) -> None:
        self._transcript = Transcript()
        self._said: deque[Utterance] = deque(maxlen=UTTERANCES)

    def add(self, event: Event) -> None:
        """Follow an event of the session."""
        self._keep(self._transcript.add(event))

    def typed(self, text: str) -> None:
        """The user sent a text."""
        self._keep(self._transcript.typed(text))

    def end(self) -> None:
        """The connection is gone: what is open ends as it is."""
        self._keep(self._transcript.end())

    def contents(self) -> list[Content]:
        """What was said, oldest first."""
        # The user's words may be whole only after the answer to them.
        said = sorted(self._said, key=lambda each: (each.exchange, each.speaker is Speaker.MODEL))
        return [text_content(_ROLES[each.speaker], each.text) for each in said]

    def _keep(self, changed: Iterable[Utterance]) -> None:
        self._said += (each for each in changed if each.stage is not Stage.PARTIAL)


def without(contents: Sequence[Content], unanswered: Sequence[str]) -> list[Content]:
    """The contents up to the words at their end that will be put again."""
    rest = list(contents)
    while rest and rest[-1].role == "user" and _text(rest[-1]) in unanswered:
        del rest[-1]
    return rest


def _text(content: Content) -> str:
    return "".join(part.text or "" for part in content.parts)
