"""What was read, as bytes: JSON lines, CSV, WebVTT and text.

A form says of each entry what stands for it in the file. It may hold a conversation back until it
is whole; then the file cannot be cut there.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from accounts.spreadsheets import Lines, as_text
from conversations.exports.pieces import DONE, Piece
from conversations.exports.reading import Entry, Stage
from conversations.exports.redaction import Redactor
from conversations.models import Conversation
from conversations.models.exports import ExportFormat
from conversations.states import Speaker

# A conversation with more cues than this becomes several files.
MOST_HELD_BYTES: Final = 1024 * 1024
BLOCK: Final = tarfile.BLOCKSIZE
# A cue whose end is not known is shown for this long.
CUE_MS: Final = 1000

CSV_COLUMNS: Final = (
    *("conversation", "agent", "person", "began_at", "turn", "speaker", "state"),
    *("start_ms", "end_ms", "text"),
)


class Form(Protocol):
    """`holds` says whether something was held back, so that the file cannot be cut here."""

    @property
    def holds(self) -> bool: ...

    def begin(self) -> str | bytes:
        """What the whole file begins with."""

    def write(self, entry: Entry) -> str | bytes:
        """What stands for an entry, or for all that was held back."""

    def end(self) -> str | bytes:
        """What the whole file ends with."""


def written(form: Form, entries: Iterable[Entry], *, is_new: bool) -> Iterator[Piece]:
    """The file as pieces; `is_new` unless its beginning was written before."""
    if is_new:
        yield Piece(as_bytes(form.begin()), None)
    for entry in entries:
        data = as_bytes(form.write(entry))
        position = None if form.holds else entry.place.as_json()
        is_turn, is_end = entry.stage is Stage.TURNS, entry.stage is Stage.END
        yield Piece(data, position, int(is_end), int(is_turn))
    yield Piece(as_bytes(form.end()), DONE)


def as_bytes(data: str | bytes) -> bytes:
    # Half of a surrogate pair, which a program may have sent, cannot be UTF-8.
    return data if isinstance(data, bytes) else data.encode(errors="replace")


def form_of(wanted_format: str, *, is_redacted: bool, is_one: bool) -> Form:
    """The form of a format; `is_one` where it is of one conversation."""
    people = People(is_redacted=is_redacted)
    match wanted_format:
        case ExportFormat.JSONL:
            return JsonLines(people)
        case ExportFormat.CSV:
            return Csv(people)
        case ExportFormat.TXT:
            return Text(people)
        case ExportFormat.WEBVTT:
            return OneWebVtt(people) if is_one else ManyWebVtt(people)
    raise ValueError("this format has no written form")


# -- What of a person is told ----------------------------------------------------------------


class People:
    """What is told of the people of a conversation, and which of their words."""

    def __init__(self, *, is_redacted: bool) -> None:
        self.is_redacted = is_redacted
        self._redactor = Redactor()
        self._of: Any = None

    def _known(self, conversation: Conversation) -> Redactor:
        if self._of != conversation.pk:
            user = conversation.user
            names = [conversation.end_user, conversation.end_user_name]
            names += [user.name, user.email] if user else []
            self._redactor, self._of = Redactor(filter(None, names)), conversation.pk
        return self._redactor

    def text(self, entry: Entry, value: Any) -> Any:
        """A text, or a JSON value with texts in it, as it may be told."""
        return self._known(entry.conversation).value(value) if self.is_redacted else value

    def person(self, conversation: Conversation) -> str:
        return "" if self.is_redacted else conversation.person

    def speaker(self, entry: Entry) -> str:
        """What a reader calls who spoke."""
        speaker = Speaker(entry.row["speaker"])
        if speaker is Speaker.AGENT:
            return entry.conversation.agent.name
        if speaker is Speaker.USER and not self.is_redacted:
            user = entry.conversation.user
            name = user.name if user else entry.conversation.end_user_name
            return name or "User"
        return speaker.capitalize()


def _key(entry: Entry) -> str:
    return f"{entry.place.epoch}.{entry.place.seq}"


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else None


def _clock(ms: int, mark: str = ".") -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}"


# -- JSON lines ------------------------------------------------------------------------------


@dataclass
class JsonLines:
    """A line for each conversation, then one for each of its turns and events."""

    people: People
    holds = False

    def begin(self) -> str:
        return ""

    def end(self) -> str:
        return ""

    def write(self, entry: Entry) -> str:
        match entry.stage:
            case Stage.HEAD:
                return _json_line(self._head(entry.conversation))
            case Stage.TURNS:
                return _json_line(self._turn(entry))
            case Stage.EVENTS:
                return _json_line(self._event(entry))
        return ""

    def _head(self, row: Conversation) -> dict[str, Any]:
        whose = {"user": row.user.email if row.user else None}
        whose |= {"end_user": row.end_user or None, "end_user_name": row.end_user_name or None}
        return {
            "type": "conversation",
            "id": str(row.pk),
            "agent": {"id": str(row.agent_id), "name": row.agent.name},
            **(dict.fromkeys(whose) if self.people.is_redacted else whose),
            "state": row.state,
            "started_at": _time(row.started_at),
            "ended_at": _time(row.ended_at),
            "end_reason": row.end_reason or None,
            "is_test": row.is_test,
        }

    def _turn(self, entry: Entry) -> dict[str, Any]:
        row = entry.row
        return {
            "type": "turn",
            "conversation": str(entry.conversation.pk),
            "turn": _key(entry),
            **{name: row[name] for name in ("speaker", "state", "start_ms", "end_ms")},
            "text": self.people.text(entry, row["text"]),
        }

    def _event(self, entry: Entry) -> dict[str, Any]:
        row = entry.row
        return {
            "type": "event",
            "conversation": str(entry.conversation.pk),
            "event": _key(entry),
            "kind": row["kind"],
            "ms": row["ms"],
            "data": self.people.text(entry, row["data"]),
        }


def _json_line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


# -- CSV -------------------------------------------------------------------------------------


@dataclass
class Csv:
    """A line for each turn. What people chose is text to a spreadsheet, and never a formula."""

    people: People
    lines: Lines = field(default_factory=Lines)
    holds = False

    def begin(self) -> str:
        return self.lines.line_of(CSV_COLUMNS)

    def end(self) -> str:
        return ""

    def write(self, entry: Entry) -> str:
        if entry.stage is not Stage.TURNS:
            return ""
        row, of = entry.row, entry.conversation
        cells = [str(of.pk), of.agent.name, self.people.person(of), _time(of.started_at)]
        cells += [_key(entry), row["speaker"], row["state"], row["start_ms"], row["end_ms"]]
        cells.append(self.people.text(entry, row["text"]))
        return self.lines.line_of(
            as_text(each) if isinstance(each, str) else each for each in cells
        )


# -- Text ------------------------------------------------------------------------------------


@dataclass
class Text:
    """To be read: a heading for each conversation, and a paragraph for each turn."""

    people: People
    holds = False

    def begin(self) -> str:
        return ""

    def end(self) -> str:
        return ""

    def write(self, entry: Entry) -> str:
        if entry.stage is Stage.HEAD:
            return self._heading(entry.conversation)
        if entry.stage is Stage.TURNS:
            return self._paragraph(entry)
        return "\n\n" if entry.stage is Stage.END else ""

    def _heading(self, row: Conversation) -> str:
        began = f"{row.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        ended = f"ended: {row.end_reason}" if row.end_reason else row.state
        title = f"Conversation {row.pk} with {row.agent.name}"
        person = self.people.person(row)
        who = f"Person: {person}\n" if person else ""
        return f"{title}\n{'=' * len(title)}\n{began}, {ended}\n{who}\n"

    def _paragraph(self, entry: Entry) -> str:
        row = entry.row
        at = _clock(row["start_ms"]).partition(".")[0]
        cut = "" if row["state"] == "final" else f" ({row['state']})"
        text = self.people.text(entry, row["text"])
        return f"[{at}] {self.people.speaker(entry)}{cut}: {text}\n"


# -- WebVTT ----------------------------------------------------------------------------------

VTT_HEAD: Final = "WEBVTT\n\n"


def _cue(people: People, entry: Entry) -> str:
    """One cue, named as the turn is; nothing for a turn without words."""
    row = entry.row
    text = re.sub(r"\s*\n\s*", "\n", people.text(entry, row["text"]).strip())
    if not text:
        return ""
    start = row["start_ms"]
    end = max(start + 1, start + CUE_MS if row["end_ms"] is None else row["end_ms"])
    voice = re.sub(r"\s+", " ", people.speaker(entry))
    return f"{_key(entry)}\n{_clock(start)} --> {_clock(end)}\n<v {_vtt(voice)}>{_vtt(text)}\n\n"


def _vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass
class OneWebVtt:
    """The cues of one conversation."""

    people: People
    holds = False

    def begin(self) -> str:
        return VTT_HEAD

    def end(self) -> str:
        return ""

    def write(self, entry: Entry) -> str:
        return _cue(self.people, entry) if entry.stage is Stage.TURNS else ""


@dataclass
class ManyWebVtt:
    """A tar archive with a file for each conversation, or several for one with very many cues:
    the later ones say in their names which turn they begin with."""

    people: People
    _held: list[str] = field(default_factory=list)
    _size: int = 0
    _name: str = ""

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def begin(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return tar_end()

    def write(self, entry: Entry) -> bytes:
        if entry.stage is Stage.HEAD:
            self._name = f"{entry.conversation.pk}.vtt"
        if entry.stage is Stage.TURNS and (cue := _cue(self.people, entry)):
            self._hold(entry, cue)
        is_full = self._size >= MOST_HELD_BYTES
        return self._member(entry) if self._held and (is_full or _is_end(entry)) else b""

    def _hold(self, entry: Entry, cue: str) -> None:
        self._name = self._name or f"{entry.conversation.pk}-from-{_key(entry)}.vtt"
        self._held.append(cue)
        self._size += len(cue.encode(errors="replace"))

    def _member(self, entry: Entry) -> bytes:
        data = as_bytes("".join([VTT_HEAD, *self._held]))
        head = tar_head(self._name, len(data), entry.conversation.started_at)
        self._held, self._size, self._name = [], 0, ""
        return head + data + tar_padding(len(data))


def _is_end(entry: Entry) -> bool:
    return entry.stage is Stage.END


def tar_head(name: str, size: int, at: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, int(at.timestamp()), 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def tar_padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def tar_end() -> bytes:
    return bytes(2 * BLOCK)
