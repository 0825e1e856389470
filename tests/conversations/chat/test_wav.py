import wave
from pathlib import Path

import pytest

from conversations.chat.talk import ChatError
from conversations.chat.wav import Recording, Taped
from live import Audio


def write(path: Path, pcm: bytes, *, rate: int = 16_000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_recording_comes_whole_in_pieces(tmp_path: Path, rate: int) -> None:
    pcm = bytes(range(250)) * 40
    recording = Recording(write(tmp_path / "in.wav", pcm, rate=rate))
    pieces = list(recording.pieces())
    assert b"".join(pieces) == pcm
    assert recording.rate == rate
    assert len(pieces[0]) == int(rate * 0.04) * 2


def test_what_is_no_mono_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ChatError, match="not 16-bit mono"):
        Recording(write(tmp_path / "stereo.wav", bytes(8), channels=2))
    with pytest.raises(ChatError, match="no WAV file"):
        Recording(tmp_path / "empty.wav")
    with pytest.raises(ChatError, match="Is a directory"):
        Recording(tmp_path)


def test_another_rate_where_one_is_expected(tmp_path: Path) -> None:
    path = write(tmp_path / "in.wav", bytes(8), rate=8_000)
    with pytest.raises(ChatError, match="hears 16000 Hz, the file has 8000"):
        Recording(path).expect_rate(16_000)
    recording = Recording(path)
    recording.expect_rate(8_000)
    assert list(recording.pieces()) == [bytes(8)]


def test_the_answers_are_taped_at_their_rate(tmp_path: Path) -> None:
    taped = Taped(tmp_path / "out.wav")
    taped.play(Audio(b"ab", 16_000))
    taped.cut()
    taped.play(Audio(b"cd", 16_000))
    taped.close()
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert file.getframerate() == 16_000
        assert file.readframes(10) == b"abcd"


def test_a_talk_without_sound_leaves_a_valid_file(tmp_path: Path) -> None:
    Taped(tmp_path / "out.wav").close()
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, 0)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="No such file"):
        Taped(tmp_path / "no" / "out.wav")
