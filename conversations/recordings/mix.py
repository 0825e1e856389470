"""A conversation's recording as one sound: a WAV file that is made while it is read.

Two channels of 24 kHz: the person on the left, the agent on the right. Every byte of it can be
found by its number alone, so a player may jump, and no more than a few segments are in memory.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from django.core.files.storage import default_storage

from conversations.frames import OUTPUT_RATE_HZ
from conversations.models import Recording
from conversations.recordings.sound import BadSound, Samples, from_flac
from conversations.states import Speaker

RATE: Final = OUTPUT_RATE_HZ
CHANNELS: Final = {Speaker.USER: 0, Speaker.AGENT: 1}
FRAME_BYTES: Final = 2 * len(CHANNELS)
HEADER_BYTES: Final = 44
# Longer files than this say that they are this long, and players go on.
MOST_IN_HEADER: Final = 0xFFFFFFFF
# What is made at once: two seconds.
PIECE_BYTES: Final = 2 * RATE * FRAME_BYTES
DECODED_AT_ONCE: Final = 4
NOTHING: Final = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class Part:
    """A stored segment; without a `file` it was lost."""

    side: str
    start_ms: int
    length_ms: int
    lost_ms: int
    rate: int
    file: str

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.length_ms


class Mix:
    """`parts` in the order in which they were recorded: of two that overlap the later one holds."""

    def __init__(self, parts: Sequence[Part], *, at_least_ms: int = 0) -> None:
        self._parts = parts
        self._decoded: OrderedDict[str, Samples] = OrderedDict()
        self.length_ms = max([at_least_ms, *(part.end_ms for part in parts)])
        self.total_bytes = HEADER_BYTES + self.length_ms * RATE // 1000 * FRAME_BYTES

    @property
    def lost_ms(self) -> int:
        """How much was said and is not there."""
        return sum(part.lost_ms for part in self._parts)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, a few at a time."""
        stop = self.total_bytes if stop is None else stop
        while start < stop:
            end = min(stop, start + PIECE_BYTES)
            yield self._read(start, end)
            start = end

    def _read(self, start: int, stop: int) -> bytes:
        head = wav_header(self.total_bytes)[start:stop]
        start, stop = max(0, start - HEADER_BYTES), max(0, stop - HEADER_BYTES)
        first, after = start // FRAME_BYTES, -(-stop // FRAME_BYTES)
        frames = np.zeros((after - first, len(CHANNELS)), np.int16)
        for part in self._parts:
            self._lay(part, frames, first)
        skipped = first * FRAME_BYTES
        return head + frames.tobytes()[start - skipped : stop - skipped]

    def _lay(self, part: Part, frames: Samples, first: int) -> None:
        """Lay what a part says over the frames from number `first` on."""
        begin, end = (ms * RATE // 1000 - first for ms in (part.start_ms, part.end_ms))
        if end <= 0 or begin >= len(frames):
            return
        samples = self._samples(part)[: end - begin]
        low, high = max(0, begin), min(len(frames), begin + len(samples))
        if low >= high:
            return  # less of it is there than its length says: lost, or deleted meanwhile
        frames[low:high, CHANNELS[Speaker(part.side)]] = samples[low - begin : high - begin]

    def _samples(self, part: Part) -> Samples:
        if not part.file:
            return NOTHING
        if part.file not in self._decoded:
            self._decoded[part.file] = at_rate(load(part.file), part.rate)
        self._decoded.move_to_end(part.file)
        if len(self._decoded) > DECODED_AT_ONCE:
            self._decoded.popitem(last=False)
        return self._decoded[part.file]


def mix_of(conversation_id: UUID, *, at_least_ms: int = 0) -> Mix | None:
    """What is kept of a conversation; None if nothing is. Needs a scope that sees it."""
    columns = ("side", "start_ms", "length_ms", "lost_ms", "rate", "file")
    rows = Recording.objects.filter(conversation_id=conversation_id).values_list(*columns)
    parts = [Part(*row) for row in rows]
    return Mix(parts, at_least_ms=at_least_ms) if parts else None


def load(file: str) -> Samples:
    """The samples of a stored file; none if it is gone, which a deletion meanwhile explains."""
    try:
        with default_storage.open(file) as stored:
            return from_flac(stored.read())
    except (FileNotFoundError, BadSound):
        return NOTHING


def at_rate(samples: Samples, rate: int) -> Samples:
    """The same sound at 24 kHz."""
    if rate == RATE or not len(samples):
        return samples
    places = np.arange(len(samples) * RATE // rate) * (rate / RATE)
    between: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
    return between


def wav_header(total_bytes: int) -> bytes:
    size = min(total_bytes - HEADER_BYTES, MOST_IN_HEADER - HEADER_BYTES)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + HEADER_BYTES - 8, b"WAVE", b"fmt ", 16, 1, len(CHANNELS)),
        *(RATE, RATE * FRAME_BYTES, FRAME_BYTES, 16, b"data", size),
    )
