"""Recordings as pieces: the sound of each conversation, mixed as it is read, two seconds at a time.

One conversation is a WAV file; several are a tar archive of such files. A conversation of which
nothing was kept has none. A file's length is said before it: should some of the sound be deleted
meanwhile, the rest of that length is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from conversations.exports.pieces import DONE, Piece
from conversations.exports.reading import Place, Stage, conversations_after
from conversations.exports.written import tar_end, tar_head, tar_padding
from conversations.models import Conversation
from conversations.recordings.mix import PIECE_BYTES, Mix, mix_of

# A position is a place; within a file the two numbers are how much of it is written, and its size.
Position = list[Any]


def sounds(
    rows: QuerySet[Conversation], position: Position | None, *, in_tar: bool
) -> Iterator[Piece]:
    """The file from a position on. Needs the tenant's scope."""
    place = Place.from_json(position) if position else None
    for batch in conversations_after(rows, place):
        for conversation in batch:
            resumed = place if place and place.conversation == conversation.pk else None
            yield from _sound(conversation, resumed, in_tar=in_tar)
            yield Piece(b"", Place(conversation.pk, Stage.END).as_json(), conversations=1)
    yield Piece(tar_end() if in_tar else b"", DONE)


def _sound(conversation: Conversation, resumed: Place | None, *, in_tar: bool) -> Iterator[Piece]:
    mix = mix_of(conversation.pk, at_least_ms=conversation.duration_ms or 0)
    done, size = (resumed.epoch, resumed.seq) if resumed else (0, mix.total_bytes if mix else 0)
    if not size:
        return
    if in_tar and not done:
        yield Piece(tar_head(f"{conversation.pk}.wav", size, conversation.started_at), None)
    for data in _pieces(mix, done, size):
        done += len(data)
        # The end of the file, with its padding, belongs together.
        at = Place(conversation.pk, Stage.TURNS, done, size).as_json() if done < size else None
        yield Piece(data, at)
    if in_tar:
        yield Piece(tar_padding(size), None)


def _pieces(mix: Mix | None, done: int, size: int) -> Iterator[bytes]:
    """The bytes from `done` to before `size`, with silence for what is not there any more."""
    if mix is not None:
        for data in mix.pieces(min(done, mix.total_bytes), min(size, mix.total_bytes)):
            yield data
            done += len(data)
    while done < size:
        yield bytes(min(PIECE_BYTES, size - done))
        done += min(PIECE_BYTES, size - done)
