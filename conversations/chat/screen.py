"""What a talk looks like in a terminal or in a pipe. Pure but for the `write` it is given."""

from __future__ import annotations

from collections.abc import Callable

from conversations.chat.talk import Note
from live import (
    GO_AWAY,
    Connected,
    Disconnected,
    Event,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    Text,
    TurnComplete,
)

YOU = "you"
RECONNECTING = "the connection was lost; trying again"
# Words from elsewhere must not steer the terminal: C0, DEL and C1 (ECMA-48).
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")


class Screen:
    """Writes each side's words as they come, a line for each change of speaker.

    `typing` says that the person types into this very terminal: what is typed stands there
    already, and a prompt asks for more.
    """

    def __init__(self, write: Callable[[str], None], name: str, *, typing: bool = False) -> None:
        self._write = write
        self._name = name
        self._typing = typing
        self._speaker = ""  # whose line the cursor is on; empty at the beginning of a line

    def show(self, event: Event) -> None:
        match event:
            case InputTranscript():
                self._say(YOU, event.text)
            case OutputTranscript() | Text():
                self._say(self._name, event.text)
            case Interrupted():
                self.note("interrupted")
            case Disconnected():
                self.note("the connection changes" if event.code == GO_AWAY else RECONNECTING)
            case Connected(renewed=True):
                self.note("a new session began; it was told what had been said")
            case Note():
                self.note(event.text)
            case TurnComplete(more=False):
                self.end_line()
                self.prompt()

    def prompt(self) -> None:
        if self._typing:
            self._begin(YOU)

    def typed(self, text: str) -> None:
        """The person has given a whole text."""
        if self._typing:
            self._speaker = ""  # the terminal has shown it, and the line's end
            return
        self.end_line()
        self._say(YOU, text)
        self.end_line()

    def note(self, text: str) -> None:
        """Something that nobody said; it ends the line."""
        self._write(f"{' ' if self._speaker else ''}[{_plain(text)}]\n")
        self._speaker = ""

    def end_line(self) -> None:
        if self._speaker:
            self._write("\n")
            self._speaker = ""

    def _say(self, speaker: str, text: str) -> None:
        words = _plain(text)
        if speaker != self._speaker:
            words = words.lstrip()
            if words:
                self._begin(speaker)
        if words:
            self._write(words)

    def _begin(self, speaker: str) -> None:
        self.end_line()
        self._write(f"{_plain(speaker)}: ")
        self._speaker = speaker


def _plain(text: str) -> str:
    return text.translate(_CONTROLS)
