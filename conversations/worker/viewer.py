"""One socket's place in a conversation, seen from the host.

A viewer is a position in the event ring and a bounded queue of audio. It takes what the
link has credit for and never makes the host wait:

* Events go first. A viewer that falls off the ring gets a snapshot and goes on from there.
* Audio waits within `AUDIO_BYTES`; when that is full the oldest goes, and a `gap` tells.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from conversations import protocol as p
from conversations.link import LinkClosed, LinkStream
from conversations.worker.ring import EventRing

# About 20 s of speech: more than this late, words are better read than heard.
AUDIO_BYTES = 1024 * 1024
BYTES_PER_MS = p.OUTPUT_RATE_HZ * 2 // 1000


class Source(Protocol):
    """What a viewer needs of its host."""

    epoch: int
    ring: EventRing

    def snapshot(self) -> bytes: ...


class Viewer:
    def __init__(self, stream: LinkStream, source: Source, *, epoch: int, seq: int) -> None:
        self.stream = stream
        self._source = source
        self._audio: deque[bytes] = deque()
        self.audio_bytes = 0
        self._audio_seq = 0
        self._gap_bytes = 0
        self._gap_stream = 0
        self._greeting: bytes | None = None
        self._seq = seq
        self._waiter: asyncio.Task[None] | None = None
        if epoch == source.epoch and source.ring.holds_after(seq):
            self._greeting = p.encode(p.Resumed(epoch=epoch, seq=seq))
        else:
            self._seq = -1  # before everything: a snapshot is due

    def offer_audio(self, stream: int, pcm: bytes) -> None:
        """Queue agent audio (PCM16, 24 kHz) and send what may be sent."""
        self._audio_seq += 1
        frame = p.audio_frame(stream, self._audio_seq, pcm)
        at_once = self._waiter is None and not self._audio and self._is_current()
        if at_once and self._send(frame):
            return
        self._audio.append(frame)
        self.audio_bytes += len(frame)
        self._gap_stream = stream
        while self.audio_bytes > AUDIO_BYTES:
            self._forget(self._audio.popleft())
        self.pump()

    def tell(self, error: p.Error) -> None:
        """Send an error to this socket alone. A socket that takes nothing now does not get it."""
        self._send(p.encode(error))

    def drop_audio(self) -> None:
        """The answer was interrupted: nobody wants to hear the rest of it."""
        self._audio.clear()
        self.audio_bytes = 0
        self._gap_bytes = 0

    def pump(self) -> None:
        """Send what the link has credit for."""
        if self._waiter is not None:
            return
        while self._step():
            pass

    def close(self, reason: str) -> None:
        if self._waiter is not None:
            self._waiter.cancel()
        self.stream.close(reason)

    def _is_current(self) -> bool:
        return (
            self._greeting is None and not self._gap_bytes and self._seq == self._source.ring.last
        )

    def _step(self) -> bool:
        """Send one frame; False when there is nothing more to send now."""
        if self._greeting is not None:
            if not self._send(self._greeting):
                return False
            self._greeting = None
            return True
        if self._seq != self._source.ring.last:
            return self._send_event()
        if self._gap_bytes:
            return self._send_gap()
        return bool(self._audio) and self._send_audio()

    def _send_event(self) -> bool:
        ring = self._source.ring
        if ring.holds_after(self._seq):
            if not self._send(ring.get(self._seq + 1)):
                return False
            self._seq += 1
            return True
        if not self._send(self._source.snapshot()):
            return False
        self._seq = ring.last
        return True

    def _send_gap(self) -> bool:
        gap = p.Gap(stream=self._gap_stream, ms=self._gap_bytes // BYTES_PER_MS)
        if not self._send(p.encode(gap)):
            return False
        self._gap_bytes = 0
        return True

    def _send_audio(self) -> bool:
        if not self._send(self._audio[0]):
            return False
        self.audio_bytes -= len(self._audio.popleft())
        return True

    def _forget(self, frame: bytes) -> None:
        self.audio_bytes -= len(frame)
        self._gap_bytes += len(frame) - p.HEADER.size

    def _send(self, frame: bytes) -> bool:
        try:
            sent = self.stream.send_nowait(frame)
        except LinkClosed:
            return False  # the host's reader of this stream removes the viewer
        if not sent and self._waiter is None:
            self._waiter = asyncio.create_task(self._wait(), name="viewer credit")
        return sent

    async def _wait(self) -> None:
        try:
            await self.stream.wait_writable()
        except LinkClosed:
            return
        self._waiter = None
        self.pump()
