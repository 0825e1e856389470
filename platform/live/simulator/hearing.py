"""The listening half of a session: audio in, the beginning and end of speech out. Pure."""

from dataclasses import dataclass

from live.simulator.activity import ActivityDetector, Detection
from live.simulator.speech import Ears

PREROLL_S = 0.5
SLICE_S = 0.1
MAX_SPEECH_S = 60.0


@dataclass(frozen=True)
class Began:
    """Speech began, `offset_s` seconds into the audio stream."""

    offset_s: float


@dataclass(frozen=True)
class Ended:
    """Speech ended after `seconds` of it; `text` is "" when it could not be made out.

    `seconds` is 0 for a manual activity in which nobody spoke.
    """

    offset_s: float
    seconds: float
    text: str


class Hearing:
    """One session's ears, with automatic or manual activity detection.

    Keeps half a second of sound from before a start; speech is cut at `MAX_SPEECH_S`.
    """

    def __init__(self, detection: Detection, *, automatic: bool) -> None:
        self.automatic = automatic
        self._detector = ActivityDetector(detection)
        self._ears: Ears | None = None
        self._preroll = b""
        self._odd = b""
        self._rate = 16000
        self._heard_s = 0.0
        self._position_s = 0.0
        self._spoke = False

    @property
    def active(self) -> bool:
        """Whether somebody speaks now."""
        return self._ears is not None

    def audio(self, pcm: bytes, rate: int) -> list[Began | Ended]:
        """Take PCM16 mono sound in pieces of any size; return what it showed, in order."""
        if rate != self._rate:
            # Sound of another rate cannot be joined to what was kept.
            self._rate, self._odd, self._preroll = rate, b"", b""
        sound = self._odd + pcm
        whole = len(sound) // 2 * 2
        self._odd = sound[whole:]
        found: list[Began | Ended] = []
        step = 2 * round(rate * SLICE_S)
        for start in range(0, whole, step):
            found += self._slice(sound[start : min(start + step, whole)])
        return found

    def start(self) -> list[Began | Ended]:
        """Take a manual `activityStart`."""
        return [] if self.active else [self._begin(self._position_s)]

    def end(self) -> list[Began | Ended]:
        """Take a manual `activityEnd`, an `audioStreamEnd`, or that the stream has stalled."""
        self._detector.finish()
        self._preroll = self._odd = b""
        return [self._end(self._position_s, 0.0)] if self.active else []

    def _slice(self, pcm: bytes) -> list[Began | Ended]:
        self._position_s += len(pcm) / (2 * self._rate)
        self._keep(pcm)
        found: list[Began | Ended] = []
        for change in self._detector.feed(pcm, self._rate):
            self._spoke |= change.active
            found += self._turn(change.active, change.offset_s) if self.automatic else []
        if self.active and self._heard_s > MAX_SPEECH_S:
            self._detector.finish()
            found.append(self._end(self._position_s, 0.0))
        return found

    def _keep(self, pcm: bytes) -> None:
        if self._ears is not None and self._ears.rate == self._rate:
            self._ears.feed(pcm)
            self._heard_s += len(pcm) / (2 * self._rate)
        elif self.automatic:
            room = 2 * round(self._rate * PREROLL_S)
            self._preroll = (self._preroll + pcm)[-room:]

    def _turn(self, active: bool, offset_s: float) -> list[Began | Ended]:
        if active and not self.active:
            return [self._begin(offset_s)]
        if not active and self.active:
            return [self._end(offset_s, self._detector.detection.silence_ms / 1000)]
        return []

    def _begin(self, offset_s: float) -> Began:
        self._ears = Ears(self._rate)
        self._ears.feed(self._preroll)
        self._heard_s = self._detector.detection.prefix_ms / 1000 if self.automatic else 0.0
        self._preroll = b""
        self._spoke = self.automatic or self._detector.active
        return Began(offset_s)

    def _end(self, offset_s: float, silence_s: float) -> Ended:
        text = self._ears.words() if self._ears is not None else ""
        self._ears = None
        seconds = max(0.1, self._heard_s - silence_s) if self._spoke else 0.0
        return Ended(offset_s, round(seconds, 3), text)
