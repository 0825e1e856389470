"""Reading `text/event-stream`, as the HTML standard has it. Pure."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterator


class EventStream:
    """Bytes go in as they come, split anywhere; the data of whole events comes out."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The data of each event that is complete now."""
        self._rest += self._decoder.decode(piece)
        while (line := self._line()) is not None:
            if line:
                self._take(line)
            elif self._data:
                whole, self._data = "\n".join(self._data), []
                yield whole

    def _line(self) -> str | None:
        """Cut the first line off. Lines end with LF, CR, or CR LF."""
        ends = [at for at in (self._rest.find("\n"), self._rest.find("\r")) if at >= 0]
        if not ends:
            return None
        at = min(ends)
        # A CR at the very end may be half of a CR LF.
        if self._rest[at] == "\r" and at + 1 == len(self._rest):
            return None
        after = at + 2 if self._rest[at : at + 2] == "\r\n" else at + 1
        line, self._rest = self._rest[:at], self._rest[after:]
        return line

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
