"""FLAC and back."""

import numpy as np
import pytest

from conversations.recordings.sound import BadSound, from_flac, to_flac


def test_nothing_is_lost_on_the_way() -> None:
    samples = (np.sin(np.arange(16_000) / 20) * 9000).astype(np.int16)
    flac = to_flac(samples.tobytes(), 16_000)
    assert flac.startswith(b"fLaC")
    assert len(flac) < samples.nbytes
    assert np.array_equal(from_flac(flac), samples)


def test_what_is_no_sound() -> None:
    with pytest.raises(BadSound):
        from_flac(b"no sound at all")
