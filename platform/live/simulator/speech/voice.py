"""The voice: text to PCM, a phrase at a time so that nobody waits for a long story."""

import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from live.simulator.speech.alphabet import PHONE_S, formants, gap_after, sounds, spoken_form

Floats = NDArray[np.float64]

LEAD_S = 0.03
PEAK = 0.32  # leaves room for a listener's gain of 3 without clipping
PITCH_HZ = 120.0
RAMP_S = 0.006
PHRASE_CHARS = 48


def speak(text: str, rate: int = 24000, *, pitch: float = PITCH_HZ) -> bytes:
    """Return `text` as audible sine-wave speech: PCM16 little-endian mono at `rate` Hz.

    About 165 words a minute. `pitch` is the voice's, in Hz. Text without a sayable
    character gives a short silence.
    """
    lead = bytes(2 * round(LEAD_S * rate))
    return lead + b"".join(phrase_pcm(piece, rate, pitch=pitch) for piece in phrases(text))


def phrases(text: str) -> Iterator[str]:
    """Split `text` into pieces of a few words; joined, they are `text` again."""
    piece = ""
    for word in re.findall(r"\s*\S+\s*", text):
        piece += word
        clause_ends = piece.rstrip()[-1:] in ",;:.?!" and len(piece) > PHRASE_CHARS // 3
        if clause_ends or len(piece) > PHRASE_CHARS:
            yield piece
            piece = ""
    if piece:
        yield piece


def phrase_pcm(text: str, rate: int, *, pitch: float = PITCH_HZ) -> bytes:
    """Return one phrase and the silence after it; takes about 1 ms for a second of sound."""
    words = [_word(word, rate, pitch) for word in spoken_form(text).split()]
    return b"".join(words)


@lru_cache(maxsize=512)  # the same words come again and again; 20 KB each
def _word(word: str, rate: int, pitch: float) -> bytes:
    found = sounds(word)
    silence = bytes(2 * round(gap_after(word) * rate))
    starts = np.round(np.arange(len(found) + 1) * PHONE_S * rate).astype(int)
    tones = np.array([formants(sound) for sound in found], dtype=float)
    lengths = np.diff(starts)
    wave = 0.58 * _glide(tones[:, 0], lengths, rate) + 0.42 * _glide(tones[:, 1], lengths, rate)
    shaped = PEAK * wave * _envelope(lengths, rate) * _hum(starts[-1], rate, pitch)
    return bytes((shaped * 32767).astype("<i2").tobytes()) + silence


def _glide(hz: Floats, lengths: NDArray[np.int_], rate: int) -> Floats:
    """Return one formant with a continuous phase through its steps."""
    result: Floats = np.sin(np.cumsum(np.repeat(hz, lengths)) * (2 * np.pi / rate))
    return result


def _envelope(lengths: NDArray[np.int_], rate: int) -> Floats:
    ramp_length = max(1, round(RAMP_S * rate))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp_length) + 0.5) / ramp_length)
    parts: list[Floats] = []
    for length in lengths:
        flat = np.ones(int(length) - 2 * ramp_length)
        parts += [ramp, flat, ramp[::-1]]
    return np.concatenate(parts)


def _hum(length: int, rate: int, pitch: float) -> Floats:
    """Return the slight beat of a voice's pitch, falling a little through the word."""
    seconds = np.arange(length) / rate
    result: Floats = 0.86 + 0.14 * np.sin(2 * np.pi * pitch * seconds * (1 - 0.1 * seconds))
    return result
