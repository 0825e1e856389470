"""Microphone and loudspeaker, by the optional package `sounddevice` (PortAudio)."""

from __future__ import annotations

import asyncio
import importlib
import threading
from types import ModuleType
from typing import Any

from conversations.chat.talk import ChatError, Talk
from live import Audio
from live.audio import INPUT_RATE, OUTPUT_RATE, SAMPLE_BYTES

PIECE_FRAMES = INPUT_RATE // 25  # 40 ms
# The service sends faster than it sounds: 5 minutes are more than one answer.
MOST_BYTES = 5 * 60 * OUTPUT_RATE * SAMPLE_BYTES
_PENDING_PIECES = 50  # 2 s


def load() -> ModuleType:
    """The package. Raises `ChatError` that says how to install it."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise ChatError(
            "--microphone needs the package sounddevice. "
            "Install it with `.venv/bin/pip install sounddevice`, or use --wav-in and --wav-out."
        ) from None
    except OSError:
        raise ChatError(
            "--microphone needs the PortAudio library. "
            "Install it (Debian: `apt install libportaudio2`), or use --wav-in and --wav-out."
        ) from None


class Loudspeaker:
    """Plays what it is given, in order; a thread of PortAudio fetches it by `fill`."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._lock = threading.Lock()

    def play(self, audio: Audio) -> None:
        with self._lock:
            room = MOST_BYTES - len(self._waiting)
            self._waiting += audio.data[: max(0, room)]

    def cut(self) -> None:
        with self._lock:
            self._waiting.clear()

    def close(self) -> None:
        self.cut()

    def fill(self, size: int) -> bytes:
        """The next `size` bytes; silence where there is nothing to play."""
        with self._lock:
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
        return piece.ljust(size, b"\0")


async def converse(package: Any, talk: Talk, loudspeaker: Loudspeaker) -> None:
    """Send what the microphone hears, and play the answers, until cancelled.

    Raises `ChatError` when a device cannot be used, or what `Talk.send_audio` raises.
    """
    heard: asyncio.Queue[bytes] = asyncio.Queue(_PENDING_PIECES)
    loop = asyncio.get_running_loop()

    def hear(indata: Any, *_: Any) -> None:
        loop.call_soon_threadsafe(_put_newest, heard, bytes(indata))

    def fill(outdata: Any, *_: Any) -> None:
        outdata[:] = loudspeaker.fill(len(outdata))

    shape = {"channels": 1, "dtype": "int16"}
    try:
        with (
            package.RawOutputStream(samplerate=OUTPUT_RATE, callback=fill, **shape),
            package.RawInputStream(
                samplerate=INPUT_RATE, blocksize=PIECE_FRAMES, callback=hear, **shape
            ),
        ):
            while True:
                await talk.send_audio(await heard.get(), INPUT_RATE)
    except package.PortAudioError:
        raise ChatError(
            "The microphone or the loudspeaker cannot be opened. "
            "Check the system's default devices, or use --wav-in and --wav-out."
        ) from None


def _put_newest(heard: asyncio.Queue[bytes], piece: bytes) -> None:
    """Live sound: when nobody keeps up, the oldest goes."""
    if heard.full():
        heard.get_nowait()
    heard.put_nowait(piece)
