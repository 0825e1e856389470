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
# Errors and the like that wait for a socket; more of them would say nothing new.
WORDS = 64
BYTES_PER_MS = p.OUTPUT_RATE_HZ * 2 // 1000


class Source(Protocol):
    """What a viewer needs of its host."""

    epoch: int
    ring: EventRing

    def snapshot(self) -> bytes: ...


class Viewer:
    def __init__(
        self, stream: LinkStream, source: Source, *, epoch: int, seq: int, line: str = ""
    ) -> None:
        self.stream = stream
        self.line = line
        self._source = source
        self._audio: deque[bytes] = deque()
        self.audio_bytes = 0
        self._audio_seq = 0
        self._gaps: dict[int, int] = {}  # bytes by stream
        self._words: deque[bytes] = deque(maxlen=WORDS)
        self._taken: bytes | None = None
        self._greeting: bytes | None = None
        self._standing: p.Presence | None = None
        self._told_standing: p.Presence | None = None
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
        while self.audio_bytes > AUDIO_BYTES:
            self._forget(self._audio.popleft())
        self.pump()

    def tell(self, message: p.Error | p.Gap) -> None:
        """Say something to this socket alone, as soon as it takes anything."""
        self._words.append(p.encode(message))
        self.pump()

    def confirm(self, taken: p.Taken) -> None:
        """Say how much of what it sends was dealt with; what was not said yet is out of date."""
        if self.line:  # otherwise it does not want to know
            self._taken = p.encode(taken)
            self.pump()

    def stand(self, presence: p.Presence) -> None:
        """This socket's part in the conversation, told as soon as it takes anything."""
        self._standing = presence
        self.pump()

    def drop_audio(self) -> None:
        """The answer was interrupted: nobody wants to hear the rest of it."""
        self._audio.clear()
        self.audio_bytes = 0
        self._gaps.clear()

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
            self._greeting is None
            and self._standing == self._told_standing
            and not self._gaps
            and not self._words
            and self._seq == self._source.ring.last
        )

    def _step(self) -> bool:
        """Send one frame; False when there is nothing more to send now."""
        due = (
            (self._taken is not None, self._send_taken),
            (self._standing != self._told_standing, self._send_standing),
            (self._greeting is not None, self._send_greeting),
            (self._words, self._send_words),
            (self._seq != self._source.ring.last, self._send_event),
            (self._gaps, self._send_gap),
            (self._audio, self._send_audio),
        )
        send = next((send for is_due, send in due if is_due), None)
        return send is not None and send()

    def _send_taken(self) -> bool:
        if self._taken is not None and not self._send(self._taken):
            return False
        self._taken = None
        return True

    def _send_standing(self) -> bool:
        presence = self._standing
        if presence is not None and not self._send(p.encode(presence)):
            return False
        self._told_standing = presence
        return True

    def _send_greeting(self) -> bool:
        if self._greeting is not None and not self._send(self._greeting):
            return False
        self._greeting = None
        return True

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

    def _send_words(self) -> bool:
        if not self._send(self._words[0]):
            return False
        self._words.popleft()
        return True

    def _send_gap(self) -> bool:
        stream, size = next(iter(self._gaps.items()))
        if not self._send(p.encode(p.Gap(stream=stream, ms=size // BYTES_PER_MS))):
            return False
        del self._gaps[stream]
        return True

    def _send_audio(self) -> bool:
        if not self._send(self._audio[0]):
            return False
        self.audio_bytes -= len(self._audio.popleft())
        return True

    def _forget(self, frame: bytes) -> None:
        self.audio_bytes -= len(frame)
        _, stream, _, _ = p.HEADER.unpack_from(frame)
        self._gaps[stream] = self._gaps.get(stream, 0) + len(frame) - p.HEADER.size

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
