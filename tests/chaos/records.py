"""What is known of one conversation after a run, from each side; the checker compares them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from conversations import protocol as p
from conversations.states import Speaker, TurnState


@dataclass(frozen=True)
class Attached:
    """A page opened a socket, having shown everything up to (epoch, seq)."""

    epoch: int
    seq: int


# What a page was given, in the order in which it came.
Shown = Attached | p.Snapshot | p.Resumed | p.Event


@dataclass(frozen=True)
class Asked:
    """One question. `ref` is None for one that was spoken: nobody can promise that."""

    tag: str
    ref: str | None = None


@dataclass(frozen=True)
class StoredTurn:
    key: str
    speaker: Speaker
    state: TurnState
    text: str
    ref: str = ""


@dataclass(frozen=True)
class Record:
    """One conversation. `stored` is in the order of the transcript; `received` are the user's
    words as the model got them, in order, with `told` for those of a history. `again` are the
    texts that were shown, never as saved, and went with their worker: they were said again."""

    name: str
    asked: Sequence[Asked]
    shown: Sequence[Shown]
    stored: Sequence[StoredTurn]
    received: Sequence[str] = ()
    told: Sequence[str] = ()
    last: p.Picture | None = None
    again: Collection[str] = ()
