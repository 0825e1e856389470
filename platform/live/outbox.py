"""Messages that wait for the socket, with a bound in bytes.

Audio that comes late is worth nothing, so when its share or the whole is full the oldest audio
goes, and is counted. A picture gives way to the next one, and to everything else. The rest matters
and is never dropped: what does not fit is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from live.errors import Diagnosis, NetworkError

TOTAL_BYTES = 1024 * 1024
AUDIO_BYTES = 256 * 1024  # base64 of 6 s at 16 kHz

_FULL = Diagnosis(
    "outbox_full",
    "The service takes messages more slowly than they are sent.",
    "Send less at once, or resume the session on a new connection.",
    permanent=False,
    retry_after=1.0,
)


class Outbox:
    """A queue in the order of `put`. Sizes are bytes on the wire; `audio_dropped_bytes` is PCM."""

    def __init__(self, *, total_bytes: int = TOTAL_BYTES, audio_bytes: int = AUDIO_BYTES) -> None:
        self.audio_dropped_bytes = 0
        self._total_limit = total_bytes
        self._audio_limit = audio_bytes
        self._audio: deque[tuple[int, bytes, int]] = deque()  # (order, message, PCM bytes)
        self._other: deque[tuple[int, bytes, bool]] = deque()  # (order, message, repeated)
        self._picture: bytes | None = None
        self._order = self._before = 0
        self._audio_size = 0
        self._other_size = 0

    @property
    def size(self) -> int:
        return self._audio_size + self._other_size + len(self._picture or b"")

    def put(self, message: bytes, *, repeated: bool = False) -> None:
        """Add a message that must arrive. Raises `NetworkError` when there is no room.

        `repeated`: on another connection the session says it again by itself.
        """
        if self._other_size + len(message) > self._total_limit:
            raise NetworkError(_FULL)
        self._order += 1
        self._other.append((self._order, message, repeated))
        self._other_size += len(message)
        self._drop_audio()

    def put_audio(self, message: bytes, pcm_bytes: int) -> None:
        """Add audio; the oldest goes when there is no room, and the new too if it must."""
        self._order += 1
        self._audio.append((self._order, message, pcm_bytes))
        self._audio_size += len(message)
        self._drop_audio()

    def put_picture(self, message: bytes) -> None:
        """Add a picture, in the place of one that still waits; without room it is dropped."""
        self._picture = None
        if self.size + len(message) <= self._total_limit:
            self._picture = message

    def put_ahead(self, messages: Sequence[bytes]) -> None:
        """Add messages before all others, within the bounds of whoever held them."""
        for message in reversed(messages):
            self._before -= 1
            self._other.appendleft((self._before, message, True))
            self._other_size += len(message)

    def forget_repeated(self) -> None:
        """The connection is gone: drop what the session says again by itself, and the picture."""
        self._picture = None
        kept = [each for each in self._other if not each[2]]
        self._other = deque(kept)
        self._other_size = sum(len(message) for _, message, _ in kept)

    def pop(self) -> bytes | None:
        """The oldest message, a picture last; `None` when there is none."""
        if self._audio and not (self._other and self._other[0][0] < self._audio[0][0]):
            message = self._audio.popleft()[1]
            self._audio_size -= len(message)
            return message
        if not self._other:
            picture, self._picture = self._picture, None
            return picture
        message = self._other.popleft()[1]
        self._other_size -= len(message)
        return message

    def clear(self) -> None:
        """Forget everything; audio counts as dropped."""
        self.audio_dropped_bytes += sum(pcm_bytes for _, _, pcm_bytes in self._audio)
        self._picture = None
        self._audio.clear()
        self._other.clear()
        self._audio_size = self._other_size = 0

    def _drop_audio(self) -> None:
        if self.size > self._total_limit:
            self._picture = None
        while self._audio and (
            self._audio_size > self._audio_limit or self.size > self._total_limit
        ):
            _, message, pcm_bytes = self._audio.popleft()
            self._audio_size -= len(message)
            self.audio_dropped_bytes += pcm_bytes
