"""The ears: read words back from the voice's sound, whatever happened to it on the way.

The theory. A window of 40 ms moves over the sound in steps of 5 ms. Its spectrum has
bins of 25 Hz, and every formant of the alphabet lies on a bin. From each frame only 17
numbers are kept: the power of the 16 formants, and of the whole band of speech. Words
are where the band's power is; each word is aligned anew, so a lost piece of sound costs
the words it held and no more. Inside a word the sounds follow every 60 ms, and the
alignment is the one in which two formants explain most of the power ("purity"). Pure
two-tone sound has a purity near 1. A person's voice has its power on a dozen harmonics
of its pitch, stays below the limit, and so is not taken for words.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from live.simulator.speech.alphabet import F1_HZ, F2_HZ, PHONE_S, spell

Floats = NDArray[np.float64]

FRAMES_PER_S = 200
BINS_PER_S = 25
SOUND_FRAMES = round(PHONE_S * FRAMES_PER_S)
BAND_HZ = (200, 2900)
MAX_S = 120.0
# Local: words are at least this much of the loudest sound within half a second.
# Global: and of the loudest sound of all. Noise 20 dB below the voice is not a word.
LOCAL_SHARE = 0.10
GLOBAL_SHARE = 0.008
SILENCE_POWER = 1e-9
PURITY_OF_WORD = 0.66
SHARE_OF_WORDS = 0.6

_F1_BINS = np.array(F1_HZ) // BINS_PER_S
_F2_BINS = np.array(F2_HZ) // BINS_PER_S
_SHIFTS = np.arange(-SOUND_FRAMES // 2, SOUND_FRAMES // 2 + 1)
_BAND = slice(BAND_HZ[0] // BINS_PER_S, BAND_HZ[1] // BINS_PER_S + 1)


class Ears:
    """Listens to one utterance in pieces of any size; `words` may be asked at any time.

    Memory: 7 KiB for each second heard, `MAX_S` seconds at most; later sound is ignored.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._window = rate // BINS_PER_S
        self._hann = np.hanning(self._window + 1)[:-1]
        self._tail = np.zeros(self._window // 2)
        self._tail_start = 0  # of the tail's first sample, in samples of padded sound
        self._frames: list[NDArray[np.float32]] = []
        self._frame_count = 0

    def feed(self, pcm: bytes) -> None:
        """Take PCM16 little-endian mono sound; an odd last byte is ignored."""
        samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2) / 32768.0
        self._tail = np.concatenate([self._tail, samples])
        self._take_frames()

    def words(self) -> str:
        """Return the words heard so far; "" when this is not the simulator's voice."""
        if not self._frames:
            return ""
        frames = np.concatenate(self._frames + self._last_frames()).astype(np.float64)
        return _read(frames[:, :8], frames[:, 8:16], frames[:, 16])

    def _take_frames(self) -> None:
        starts = self._starts(self._tail_start + len(self._tail) - self._window)
        if not len(starts) or self._frame_count > MAX_S * FRAMES_PER_S:
            self._forget(self._tail_start + len(self._tail) - self._window)
            return
        self._frames.append(self._powers(self._tail, starts - self._tail_start))
        self._frame_count += len(starts)
        self._forget(int(starts[-1]))

    def _starts(self, last: int) -> NDArray[np.int_]:
        count = max(0, last * FRAMES_PER_S // self.rate + 1) if last >= 0 else 0
        numbers = np.arange(self._frame_count, max(count, self._frame_count))
        return numbers * self.rate // FRAMES_PER_S

    def _forget(self, before: int) -> None:
        cut = max(0, before - self._tail_start)
        self._tail = self._tail[cut:]
        self._tail_start += cut

    def _last_frames(self) -> list[NDArray[np.float32]]:
        """Return the frames that reach over the end of the sound, without keeping them."""
        starts = self._starts(self._tail_start + len(self._tail) - self._window // 2)
        if not len(starts):
            return []
        padded = np.concatenate([self._tail, np.zeros(self._window)])
        return [self._powers(padded, starts - self._tail_start)]

    def _powers(self, sound: Floats, starts: NDArray[np.int_]) -> NDArray[np.float32]:
        windows = sliding_window_view(sound, self._window)[starts] * self._hann
        spectrum = np.abs(np.fft.rfft(windows, axis=1)[:, : _BAND.stop]) ** 2 / self._window**2
        band = spectrum[:, _BAND].sum(axis=1, keepdims=True)
        rows = [spectrum[:, _F1_BINS], spectrum[:, _F2_BINS], band]
        return np.concatenate(rows, axis=1).astype(np.float32)


def hear(pcm: bytes, rate: int) -> str:
    """Return the words in PCM16 mono sound at `rate` Hz; "" for any voice but the simulator's.

    Survives resampling, gain from 0.1 to 3, noise 30 dB below the voice, silence around
    it. `rate` is a multiple of 25, and at least 8000.
    """
    ears = Ears(rate)
    step = rate * 2
    for start in range(0, len(pcm), step):
        ears.feed(pcm[start : start + step])
    return ears.words()


def _read(first: Floats, second: Floats, band: Floats) -> str:
    # A pure tone under a Hann window has 2/3 of its power in its own bin.
    explained = 1.5 * (first.max(axis=1) + second.max(axis=1))
    purity = np.where(band > SILENCE_POWER, explained / np.maximum(band, SILENCE_POWER), 0.0)
    found: list[str] = []
    heard = understood = 0
    for start, end in _stretches(band):
        slots, mean_purity = _align(purity, start, end)
        heard += end - start
        if mean_purity >= PURITY_OF_WORD:
            understood += end - start
            sounds = first[slots].argmax(axis=1) * 8 + second[slots].argmax(axis=1)
            found.append(spell(sounds.tolist()))
    return " ".join(found) if understood > SHARE_OF_WORDS * heard else ""


def _stretches(band: Floats) -> list[tuple[int, int]]:
    """Return the (start, end) frames of what is loud: the words."""
    half_second = FRAMES_PER_S // 2
    padded = np.pad(band, half_second)
    local = sliding_window_view(padded, 2 * half_second + 1).max(axis=1)
    limit = np.maximum(LOCAL_SHARE * local, GLOBAL_SHARE * np.quantile(band, 0.98))
    loud = band > np.maximum(limit, SILENCE_POWER)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    return _joined([(int(a), int(b)) for a, b in edges.reshape(-1, 2)])


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Close gaps that are too short for a space, drop clicks that are too short for a sound."""
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and start - joined[-1][1] < SOUND_FRAMES // 2:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if end - start >= SOUND_FRAMES // 2]


def _align(purity: Floats, start: int, end: int) -> tuple[NDArray[np.int_], float]:
    """Return the middle frame of each sound of a word, and their mean purity."""
    likely = max(1, round((end - start) / SOUND_FRAMES))
    best_score, best = -np.inf, np.zeros(0, dtype=int)
    for count in {max(1, likely - 1), likely, likely + 1}:
        first = start + SOUND_FRAMES // 2 + _SHIFTS
        middles = first[:, None] + SOUND_FRAMES * np.arange(count)
        inside = middles[(middles[:, 0] >= 0) & (middles[:, -1] < len(purity))]
        scores = (purity[inside] - PURITY_OF_WORD / 2).sum(axis=1)
        if len(scores) and scores.max() > best_score:
            best_score, best = float(scores.max()), inside[scores.argmax()]
    return best, float(purity[best].mean()) if len(best) else 0.0
