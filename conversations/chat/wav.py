"""Sound from and to WAV files: PCM16, mono."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

from conversations.chat.talk import ChatError
from live import Audio
from live.audio import OUTPUT_RATE, SAMPLE_BYTES

PIECE_S = 0.04
_FIX = "Convert it, for example with `ffmpeg -i FILE -ac 1 -ar 16000 -c:a pcm_s16le OUT.wav`."


class Recording:
    """A WAV file to be said; read piece by piece. Raises `ChatError` for what cannot be used."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by `pieces`
        except OSError as error:
            raise ChatError(
                f"--wav-in {path}: {error.strerror}. Give a file that can be read."
            ) from None
        except (wave.Error, EOFError):
            raise ChatError(f"--wav-in {path}: this is no WAV file of PCM. {_FIX}") from None
        self.rate = self._file.getframerate()
        if (self._file.getnchannels(), self._file.getsampwidth()) != (1, SAMPLE_BYTES):
            self._file.close()
            raise ChatError(f"--wav-in {path}: the sound is not 16-bit mono. {_FIX}")

    def expect_rate(self, rate: int) -> None:
        """Raises `ChatError` when the sound has another rate in Hz."""
        if self.rate != rate:
            self._file.close()
            raise ChatError(f"--wav-in: Parley hears {rate} Hz, the file has {self.rate}. {_FIX}")

    def pieces(self) -> Iterator[bytes]:
        """The sound in pieces of `PIECE_S` seconds; once."""
        with self._file:
            while piece := self._file.readframes(max(1, int(self.rate * PIECE_S))):
                yield piece


class Taped:
    """The answers' sound as a WAV file. Raises `ChatError` when it cannot be written."""

    def __init__(self, path: Path) -> None:
        try:
            self._raw = path.open(
                "wb"
            )  # `wave` complains at its end when it cannot open one itself
        except OSError as error:
            raise ChatError(
                f"--wav-out {path}: {error.strerror}. Give a file that can be written."
            ) from None
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - closed by `close`
        self._file.setnchannels(1)
        self._file.setsampwidth(SAMPLE_BYTES)
        self._file.setframerate(OUTPUT_RATE)

    def play(self, audio: Audio) -> None:
        """Append a piece; a file has one rate, that of its first piece."""
        if not self._file.tell():
            self._file.setframerate(audio.rate)
        self._file.writeframes(audio.data)

    def cut(self) -> None:
        """An interruption: what was sent stays in the file, heard or not."""

    def close(self) -> None:
        self._file.close()
        self._raw.close()
