import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from live.simulator.speech import Ears, hear, speak, spoken_form

TEXT = "Hello! Do you have the Trail Runner in size 42? My code word is blue-heron, 89.90 €."
SPOKEN = spoken_form(TEXT)
WORDS = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyzABCDEXYZ0123456789'-", min_size=1, max_size=12),
    min_size=1,
    max_size=5,
)
Samples = NDArray[np.float64]


def samples_of(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2") / 32768


def pcm_of(samples: Samples) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def resampled(samples: Samples, rate: int, new_rate: int) -> Samples:
    seconds = np.arange(len(samples) * new_rate // rate) / new_rate
    return np.interp(seconds, np.arange(len(samples)) / rate, samples)


def noise_below(samples: Samples, decibels: float, length: int, seed: int = 0) -> Samples:
    level = np.sqrt((samples**2).mean()) * 10 ** (-decibels / 20)
    return np.random.default_rng(seed).normal(scale=level, size=length)


@settings(max_examples=30)
@given(WORDS, st.sampled_from([8000, 16000, 24000, 44100, 48000]), st.floats(0.1, 3.0))
def test_any_words_come_back_at_any_rate_and_gain(words: list[str], rate: int, gain: float) -> None:
    text = " ".join(words)
    sound = samples_of(speak(text, rate)) * gain
    assert hear(pcm_of(sound), rate) == text


@settings(max_examples=15)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=30))
def test_pieces_of_any_size_make_no_difference(sizes: list[int]) -> None:
    sound = speak("Any pieces will do.", 16000)
    ears, position = Ears(16000), 0
    while position < len(sound):
        size = 2 * sizes[position % len(sizes)]
        ears.feed(sound[position : position + size])
        position += size
    assert ears.words() == "Any pieces will do."
    assert ears.words() == "Any pieces will do."


@pytest.mark.parametrize("gain", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("decibels", [30, 20])
def test_noise_and_silence_around_do_not_matter(gain: float, decibels: float) -> None:
    voice = samples_of(speak(TEXT, 16000))
    sound = np.concatenate([np.zeros(7777), voice, np.zeros(12345)])
    sound = sound + noise_below(voice, decibels, len(sound))
    assert hear(pcm_of(sound * gain), 16000) == SPOKEN


def test_survives_resampling_up_and_down() -> None:
    sound = resampled(samples_of(speak(TEXT, 24000)), 24000, 48000)
    assert hear(pcm_of(resampled(sound, 48000, 16000)), 16000) == SPOKEN


def capture_chain(samples: Samples, rate: int) -> Samples:
    """About what a browser's microphone does: noise suppression, then gain control."""
    size = rate // 50
    window = np.sqrt(np.hanning(size + 1)[:-1])
    out = np.zeros(len(samples) + size)
    floor: Samples | None = None
    for start in range(0, len(samples) - size, size // 2):
        spectrum = np.fft.rfft(samples[start : start + size] * window)
        power = np.abs(spectrum) ** 2
        floor = power if floor is None else np.where(power < floor, power, floor * 1.02 + 1e-12)
        kept = np.maximum(1 - 2 * floor / np.maximum(power, 1e-12), 0.1)
        out[start : start + size] += np.fft.irfft(spectrum * kept) * window
    gain = 1.0
    for start in range(0, len(samples), rate // 100):
        frame = out[start : start + rate // 100]
        level = float(np.sqrt((frame**2).mean()))
        gain += 0.05 * (min(4.0, 0.25 / level) - gain) if level > 0.005 else 0.0
        out[start : start + rate // 100] *= gain
    return out[: len(samples)]


def test_survives_a_browsers_capture_chain() -> None:
    voice = samples_of(speak(TEXT, 48000)) * 0.2
    sound = np.concatenate([np.zeros(24000), voice, np.zeros(24000)])
    sound = sound + noise_below(voice, 35, len(sound))
    chained = capture_chain(sound, 48000)
    assert hear(pcm_of(resampled(chained, 48000, 16000)), 16000) == SPOKEN


def test_lost_sound_costs_only_the_words_it_held() -> None:
    sound = speak("one two three four five six seven", 16000)
    start = len(speak("one two", 16000)) + 4000
    heard = hear(sound[:start] + sound[start + 6400 :], 16000).split()
    assert heard[:2] == ["one", "two"]
    assert heard[-3:] == ["five", "six", "seven"]


def person(pitch: float, seconds: float = 3.0, rate: int = 16000) -> bytes:
    """A voice as people have one: many harmonics of a pitch, through moving formants."""
    time = np.arange(int(seconds * rate)) / rate
    hz = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(hz) / rate
    first = 500 + 250 * np.sin(2 * np.pi * 3 * time)
    second = 1500 + 500 * np.sin(2 * np.pi * 2.3 * time)
    sound = np.zeros_like(time)
    for harmonic in range(1, 25):
        near_first = 1 / (1 + ((harmonic * hz - first) / 80) ** 2)
        near_second = 0.5 / (1 + ((harmonic * hz - second) / 100) ** 2)
        sound += (near_first + near_second + 0.02) * np.sin(harmonic * phase)
    return pcm_of(0.3 * sound / np.abs(sound).max() * (np.sin(4 * np.pi * time) > -0.6))


@pytest.mark.parametrize("pitch", [90, 110, 140, 200, 260])
def test_a_persons_voice_is_not_taken_for_words(pitch: float) -> None:
    assert hear(person(pitch), 16000) == ""


@pytest.mark.parametrize("pcm", [b"", b"\0", b"\0" * 64000, b"\1\0" * 400])
def test_silence_has_no_words(pcm: bytes) -> None:
    assert hear(pcm, 16000) == ""


def test_noise_has_no_words() -> None:
    noise = np.random.default_rng(3).normal(scale=0.1, size=32000)
    assert hear(pcm_of(noise), 16000) == ""
