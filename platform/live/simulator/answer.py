"""One answer of the model: its text, and the sound of it, made a phrase at a time."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from live.simulator.speech import phrase_pcm, phrases

RATE = 24000
BYTES_PER_S = RATE * 2
FIRST_CHUNK = 9600  # 200 ms, then 240 ms each, as measured on gemini-3.8-live
CHUNK = 11520


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer: `text` begins with the sound's first phrase; either may be empty."""

    pcm: bytes
    text: str

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_S


class Answer:
    """The pieces of one answer in order. `spoken` is False for a model that writes.

    `told` keeps what was handed out, with the second of playback at which it begins.
    """

    def __init__(self, text: str, *, spoken: bool, pitch: float) -> None:
        self.text = text
        self.spoken = spoken
        self.audio_s = 0.0
        self.told: list[tuple[float, str]] = []
        self._pitch = pitch
        self._chunks = self._spoken_chunks() if spoken else self._written_chunks()

    def next_chunk(self) -> Chunk | None:
        """Return the next piece, or None at the end. Makes one phrase of sound at most."""
        chunk = next(self._chunks, None)
        if chunk is not None:
            if chunk.text:
                self.told.append((self.audio_s, chunk.text))
            self.audio_s += chunk.seconds
        return chunk

    def told_by(self, played_s: float) -> str:
        """Return the text whose sound had begun after `played_s` seconds of playback."""
        return "".join(text for start, text in self.told if start <= played_s)

    def _written_chunks(self) -> Iterator[Chunk]:
        for phrase in phrases(self.text):
            yield Chunk(b"", phrase)

    def _spoken_chunks(self) -> Iterator[Chunk]:
        sound, size = b"", FIRST_CHUNK
        for phrase in phrases(self.text):
            text = phrase
            sound += phrase_pcm(phrase, RATE, pitch=self._pitch)
            while len(sound) >= size:
                yield Chunk(sound[:size], text)
                sound, size, text = sound[size:], CHUNK, ""
            if text:
                yield Chunk(b"", text)
        if sound:
            yield Chunk(sound, "")


def pitch_of(voice: str) -> float:
    """Return the pitch in Hz of a prebuilt voice: each has its own, always the same."""
    return 105.0 + zlib.crc32(voice.lower().encode()) % 80
