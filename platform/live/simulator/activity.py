"""Voice activity detection on the energy of the sound. Pure: the sound is the clock."""

from dataclasses import dataclass

import numpy as np

FRAME_S = 0.020
RISE_OF_FLOOR = 1.005  # per frame: a fan that starts to blow is forgotten within seconds
ABOVE_FLOOR = 3.0


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Settings of `realtimeInputConfig.automaticActivityDetection`.

    `threshold` is the root mean square (full scale 1.0) below which nothing is speech,
    `prefix_ms` the loud time that commits a start, `silence_ms` the quiet time that
    commits an end.
    """

    threshold: float = 0.006
    prefix_ms: int = 100
    silence_ms: int = 600


@dataclass(frozen=True)
class Change:
    """Speech began (`active`) or ended, `offset_s` seconds into the audio stream."""

    active: bool
    offset_s: float


class ActivityDetector:
    """Watches one audio stream. `active` says whether somebody speaks now."""

    def __init__(self, detection: Detection) -> None:
        self.detection = detection
        self.active = False
        self.position_s = 0.0
        self._floor = detection.threshold / ABOVE_FLOOR
        self._loud_s = 0.0
        self._quiet_s = 0.0
        self._rest = b""
        self._rest_rate = 0

    def feed(self, pcm: bytes, rate: int) -> list[Change]:
        """Take PCM16 little-endian mono sound at `rate` Hz; return what changed, in order."""
        changes: list[Change] = []
        for level in self._levels(pcm, rate):
            self.position_s += FRAME_S
            self._weigh(level)
            if self._turned():
                self.active = not self.active
                self._loud_s = self._quiet_s = 0.0
                changes.append(Change(self.active, round(self.position_s, 3)))
        return changes

    def finish(self) -> list[Change]:
        """Say that the stream paused: speech that was going on has ended."""
        self._rest = b""
        self._loud_s = self._quiet_s = 0.0
        if not self.active:
            return []
        self.active = False
        return [Change(False, round(self.position_s, 3))]

    def _levels(self, pcm: bytes, rate: int) -> list[float]:
        if rate != self._rest_rate:
            self._rest, self._rest_rate = b"", rate
        frame = round(rate * FRAME_S)
        sound = self._rest + pcm
        count = len(sound) // (2 * frame)
        self._rest = sound[count * frame * 2 :]
        if not count:
            return []
        samples = np.frombuffer(sound, dtype="<i2", count=count * frame).astype(np.float32)
        levels = np.sqrt((samples.reshape(count, frame) ** 2).mean(axis=1)) / 32768.0
        return [float(level) for level in levels]

    def _weigh(self, level: float) -> None:
        self._floor = min(level, self._floor * RISE_OF_FLOOR) or self._floor
        self._floor = max(self._floor, self.detection.threshold / (4 * ABOVE_FLOOR))
        if level > max(self.detection.threshold, ABOVE_FLOOR * self._floor):
            self._loud_s += FRAME_S
            self._quiet_s = 0.0
        else:
            # A start needs loud time that is not scattered: quiet time takes half of it back.
            self._loud_s = max(0.0, self._loud_s - FRAME_S / 2)
            self._quiet_s += FRAME_S

    def _turned(self) -> bool:
        if self.active:
            return self._quiet_s * 1000 >= self.detection.silence_ms
        return self._loud_s * 1000 >= max(self.detection.prefix_ms, 1) - 1e-6
