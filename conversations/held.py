"""What a user says and shows while nobody can take it yet. Pure.

Five seconds of speech, the newest picture and a few texts: enough for a worker or a session to
be found, too little to answer a person about something they said long ago. When it is full, the
oldest sound goes, and is counted; a picture gives way to the next one; a text is refused, and
never dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from conversations import protocol as p

INPUT_BYTES_PER_MS: Final = p.INPUT_RATE_HZ * 2 // 1000
# About 5 s: what is older is worth nothing in a conversation.
HELD_AUDIO_BYTES: Final = 5000 * INPUT_BYTES_PER_MS
HELD_TEXT_BYTES: Final = 2 * p.FRAME_BYTES
# Many small messages cost more than their bytes.
HELD_TEXTS: Final = 64
# Sound goes on being lost piece by piece: it is told in lots.
TELL_EVERY_S: Final = 1.0


class Held:
    """A client's frames in order, within bounds. `lost` adds up the sound that went."""

    def __init__(self, max_audio_bytes: int = HELD_AUDIO_BYTES) -> None:
        self.lost = Loss()
        self.audio_bytes = 0
        self.text_bytes = 0
        self._max_audio_bytes = max_audio_bytes
        self._frames: deque[bytes] = deque()
        self._texts = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: bytes) -> bool:
        """Hold a frame. False, and nothing held, when it is a text and there is no room."""
        match frame[0]:
            case p.AUDIO:
                self._frames.append(frame)
                self.audio_bytes += len(frame)
                while self.audio_bytes > self._max_audio_bytes:
                    self._drop_oldest_audio()
            case p.PICTURE:
                self._forget_picture()
                self._frames.append(frame)
            case _:
                if self._texts >= HELD_TEXTS or self.text_bytes + len(frame) > HELD_TEXT_BYTES:
                    return False
                self._frames.append(frame)
                self._texts += 1
                self.text_bytes += len(frame)
        return True

    def put_back(self, frames: Sequence[bytes]) -> None:
        """Hold before all others what was sent and never arrived; a text of it is not refused."""
        for frame in reversed(frames):
            self._frames.appendleft(frame)
            if frame[0] == p.AUDIO:
                self.audio_bytes += len(frame)
            elif frame[0] != p.PICTURE:
                self._texts += 1
                self.text_bytes += len(frame)
        while self.audio_bytes > self._max_audio_bytes:
            self._drop_oldest_audio()

    def peek(self) -> bytes | None:
        """The oldest frame, or None."""
        return self._frames[0] if self._frames else None

    def pop(self) -> None:
        """The oldest frame was taken."""
        self._forget(self._frames.popleft())

    def _drop_oldest_audio(self) -> None:
        index = next(i for i, frame in enumerate(self._frames) if frame[0] == p.AUDIO)
        frame = self._frames[index]
        del self._frames[index]
        self._forget(frame)
        self.lost.add(len(frame) - p.HEADER.size)

    def _forget_picture(self) -> None:
        for index, frame in enumerate(self._frames):
            if frame[0] == p.PICTURE:
                del self._frames[index]
                return

    def _forget(self, frame: bytes) -> None:
        if frame[0] == p.AUDIO:
            self.audio_bytes -= len(frame)
        elif frame[0] != p.PICTURE:
            self._texts -= 1
            self.text_bytes -= len(frame)


class Loss:
    """How much of the user's voice was lost and not yet told. Bytes are PCM16 at 16 kHz."""

    def __init__(self) -> None:
        self._bytes = 0
        self._told_at: float | None = None

    def add(self, pcm_bytes: int) -> None:
        self._bytes += pcm_bytes

    def tell(self, now: float) -> p.Gap | None:
        """What to tell the page now, once a second at most; `now` in seconds on any clock."""
        ms = self._bytes // INPUT_BYTES_PER_MS
        if not ms or (self._told_at is not None and now - self._told_at < TELL_EVERY_S):
            return None
        self._told_at = now
        self._bytes -= ms * INPUT_BYTES_PER_MS
        return p.Gap(stream=0, ms=ms, speaker="user")
