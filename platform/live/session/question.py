"""What the user has asked and the model has not yet answered. Pure.

A connection that is lost takes the answer with it, or even the question; a new connection must
put the question again, once, and nothing that was answered. So words are kept from the moment at
which they are sent until the answer to them begins.
"""

from __future__ import annotations

from live.errors import Diagnosis, NetworkError
from live.events import Event, InputTranscript, ToolCall, VoiceActivity
from live.session.turn import BETWEEN_ANSWERS, Step, Turn

HELD_CHARS = 512 * 1024

_TOO_MUCH = Diagnosis(
    "too_much_held",
    "So much was typed while there is no connection that no more can be held.",
    "Send it again when the session is connected.",
    permanent=False,
    retry_after=1.0,
)


class Question:
    """The user's words since the last answer, in order.

    `speaking` tells whether the user is at it, as far as the service says so.
    """

    def __init__(self, unanswered: tuple[str, ...] = ()) -> None:
        """`unanswered` is from before; it counts as not sent."""
        self._asked: list[str] = []
        self._held: list[str] = list(unanswered)
        self._spoken: str | None = None  # none while the user has not spoken since the last answer
        self.speaking = False

    @property
    def is_open(self) -> bool:
        """Whether an answer is owed."""
        return bool(self._asked or self._held) or self._spoken is not None

    def sent(self, text: str) -> None:
        """The user typed, and it went out."""
        self._asked.append(text)
        while sum(map(len, self._asked)) > HELD_CHARS and len(self._asked) > 1:
            del self._asked[0]

    def hold(self, text: str) -> None:
        """The user typed, and there is no connection. Raises `NetworkError` when it is too much."""
        if sum(map(len, self._held)) + len(text) > HELD_CHARS:
            raise NetworkError(_TOO_MUCH)
        self._held.append(text)

    def hear(self, event: Event, turn: Turn) -> None:
        """Follow what is said. Late words, while the answer to them is coming, are no question."""
        match event:
            case ToolCall():
                self._take_up()  # the session waits for the function, also when it is resumed
            case VoiceActivity():
                self.speaking = event.active
                if event.active:
                    self._spoken = self._spoken or ""
            case InputTranscript() if self._spoken is not None and turn in BETWEEN_ANSWERS:
                self._spoken += event.text

    def step(self, turn: Turn, step: Step) -> None:
        """The turn takes a step: does an answer begin, or silence answer?"""
        if turn in BETWEEN_ANSWERS and (turn, step) not in _NO_ANSWER:
            self._take_up()

    def _take_up(self) -> None:
        self._asked.clear()
        self._spoken = None

    def all(self) -> list[str]:
        """What nobody has answered, in order: sent, spoken, held."""
        return [*self._asked, *filter(None, [self._spoken]), *self._held]

    def take(self) -> list[str]:
        """What to put on a new connection; it counts as sent."""
        self._asked, self._spoken, self._held = self.all(), None, []
        self.speaking = False
        return list(self._asked)


# A cut answer's end says nothing about the words that cut it.
_NO_ANSWER = frozenset(
    {
        (Turn.IDLE, Step.INTERRUPTED),
        (Turn.CUT, Step.INTERRUPTED),
        (Turn.CUT, Step.GENERATION_COMPLETE),
        (Turn.CUT, Step.TURN_COMPLETE),
        (Turn.CUT, Step.MORE_TO_COME),
        (Turn.BETWEEN, Step.INTERRUPTED),
    }
)
