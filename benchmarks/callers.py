"""A thousand sessions of the Live protocol at once, held as cheaply as Python can.

`sessions.py` holds a session as a client does, and that costs more than the simulator's part in
it. Here `websockets`' protocol without I/O opens the session; from then on frames are put
together from parts that were masked beforehand, and an answer is read no further than it must be.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, apply_mask  # type: ignore[attr-defined]  # perhaps in C
from websockets.http11 import Response
from websockets.uri import parse_uri

from benchmarks.sessions import (
    CHUNK_BYTES,
    LIVE_AFTER,
    LIVE_BEFORE,
    LIVE_PATH,
    SessionFailed,
    clock,
    web_socket_url,
)
from benchmarks.tally import TAG, Track

CHUNK_S = 0.1
OPENING_TOGETHER = 50
OPEN_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0
# uvloop's timers count milliseconds: a shorter wait would spin.
SHORTEST_WAIT_S = 0.001
# After so many chunks in a row the answers are read, however late it is.
MOST_IN_A_ROW = 32
# How long answers are waited for after the last chunk, before they count as lost.
PATIENCE_S = 5.0
MODEL = "models/gemini-3.8-live"


@dataclass(frozen=True)
class Address:
    url: str
    api_key: str = ""


class Caller(ABC, asyncio.Protocol):
    """One session. `open` it, let it `speak` ten times a second, `close` it."""

    setup: dict[str, Any] = {"model": MODEL, "generationConfig": {"responseModalities": ["AUDIO"]}}

    def __init__(self, address: Address) -> None:
        self.complaint = ""
        self._address = address
        uri = parse_uri(web_socket_url(address.url, LIVE_PATH))
        # It opens the session and closes it; what is in between does not pass through it.
        self._opening = ClientProtocol(uri, max_size=None)
        self._is_open = False
        self._rest = b""
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()

    async def open(self) -> None:
        """Return when the model listens. Raises SessionFailed."""
        to = urlsplit(self._address.url)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: self, to.hostname or "", to.port or 80)
                await self._ready
        except (TimeoutError, OSError) as error:
            raise SessionFailed(f"not opened: {type(error).__name__} {error}") from error

    def speak(self) -> None:
        """Send the next chunk, unless the session has ended."""
        if not self._gone.done():
            self._transport.write(self._next_frame())

    async def close(self) -> None:
        """Hang up, and wait until the socket is closed."""
        if self._is_open and not self._gone.done():
            self._is_open = False
            self._opening.receive_data(self._rest)
            self._opening.send_close(1000)
            self._write()
            try:
                async with asyncio.timeout(END_TIMEOUT_S):
                    await self._gone
            except TimeoutError:
                self._transport.abort()

    @abstractmethod
    def _next_frame(self) -> bytes: ...
    @abstractmethod
    def _answered(self, message: bytes) -> None: ...

    # --- the socket ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        request = self._opening.connect()
        request.headers["x-goog-api-key"] = self._address.api_key
        self._opening.send_request(request)
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set_result(None)
        if not self._ready.done():
            self._ready.set_exception(SessionFailed(f"not opened: {self.complaint or exc}"))
        elif self._is_open:
            self.complaint = self.complaint or "the socket was closed early"

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._read(data)
        else:
            self._opening.receive_data(data)
            for event in self._opening.events_received():
                self._open_further(event)
            self._write()

    def _open_further(self, event: Any) -> None:
        if self._ready.done():
            return  # it is closing
        if self._opening.handshake_exc is not None:
            self.complaint = str(self._opening.handshake_exc)
        elif isinstance(event, Response):
            self._opening.send_text(json.dumps({"setup": self.setup}).encode())
        elif self._opening.close_rcvd is not None:
            self.complaint = str(self._opening.close_rcvd)
        elif isinstance(event, Frame):
            self._is_open = True
            self._ready.set_result(None)

    def _write(self) -> None:
        for data in self._opening.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _read(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        start = 0
        while len(data) >= start + 4:
            body, end, opcode = frame_at(data, start)
            if end > len(data):
                break
            if opcode == _CLOSE:
                self.complaint = f"closed with {int.from_bytes(data[body : body + 2], 'big')}"
            self._answered(data[body:end])
            start = end
        self._rest = data[start:]


def frame_at(data: bytes, start: int) -> tuple[int, int, int]:
    """Return where the body of a server's frame begins and ends, and its opcode (RFC 6455, 5.2).

    At least four bytes of it are there.
    """
    size, body = data[start + 1], start + 2
    if size == 126:
        size, body = (data[body] << 8) + data[body + 1], body + 2
    elif size == 127:
        body += 8
        size = int.from_bytes(data[start + 2 : body].ljust(8, b"\xff"), "big")
    return body, body + size, data[start] & 0x0F


class EchoCaller(Caller):
    """Says chunks with a tag, and notes each that comes back."""

    def __init__(self, address: Address, number: int) -> None:
        super().__init__(address)
        self.track = Track(number)

    def _next_frame(self) -> bytes:
        tag = base64.b64encode(self.track.next_tag() + b"\0")
        self.track.sent(clock())
        return _BEFORE_TAG + apply_mask(tag, _TAG_MASK) + _AFTER_TAG

    def _answered(self, message: bytes) -> None:
        at = message.find(b'"data":')
        if at >= 0:
            start = message.index(b'"', at + 7) + 1
            tag = base64.b64decode(message[start : start + 12])[: TAG.size]
            self.track.answered(tag, clock())


class Speaker(Caller):
    """Says `question` (frames) every `cycle` chunks, first after `wait` of them.

    In between it sends silence, as an open microphone does. `answers` counts the turns in which
    `words` were understood and which were completed, `asked` the questions.
    """

    setup = {**Caller.setup, "inputAudioTranscription": {}}

    def __init__(
        self, address: Address, question: Sequence[bytes], words: str, *, cycle: int, wait: int
    ) -> None:
        super().__init__(address)
        self.asked = 0
        self.answers = 0
        self._question = question
        self._words = words.encode()
        self._cycle = cycle
        self._at = -wait
        self._hushed = False
        self._understood = False

    def hush(self) -> None:
        """Begin no other question."""
        self._hushed = True

    def _next_frame(self) -> bytes:
        if self._at == 0:
            if self._hushed:
                return SILENCE
            self.asked += 1
        at = self._at
        self._at = at + 1 if at + 1 < self._cycle else 0
        return self._question[at] if 0 <= at < len(self._question) else SILENCE

    def _answered(self, message: bytes) -> None:
        if b'"inputTranscription"' in message:
            self._understood = self._words in message
        elif b'"turnComplete"' in message:
            self.answers += self._understood
            self._understood = False


def frame_of(message: bytes) -> bytes:
    """Return a text frame of 126 to 65,535 bytes, masked."""
    return _head(len(message)) + apply_mask(message, _MASK)


def question_of(pcm: bytes) -> list[bytes]:
    """Return the frames that say 16 kHz PCM16, a chunk each; the last is filled with silence."""
    starts = range(0, len(pcm), CHUNK_BYTES)
    return [_sound_frame(pcm[start : start + CHUNK_BYTES]) for start in starts]


def _sound_frame(pcm: bytes) -> bytes:
    return frame_of(LIVE_BEFORE + base64.b64encode(pcm.ljust(CHUNK_BYTES, b"\0")) + b'"}}}')


def _head(size: int) -> bytes:
    return struct.pack("!BBH4s", 0x81, 0x80 | 126, size, _MASK)


async def open_all(callers: Sequence[Caller]) -> None:
    """Open them, some at a time. Raises SessionFailed."""
    for start in range(0, len(callers), OPENING_TOGETHER):
        await asyncio.gather(*(one.open() for one in callers[start : start + OPENING_TOGETHER]))


async def close_all(callers: Sequence[Caller]) -> None:
    for start in range(0, len(callers), OPENING_TOGETHER):
        await asyncio.gather(*(one.close() for one in callers[start : start + OPENING_TOGETHER]))


async def talk(callers: Sequence[Caller], start: float, until: float) -> int:
    """Let each speak ten times a second, one after the other; return how many chunks that were."""
    step, spoken = CHUNK_S / len(callers), 0
    while (due := start + spoken * step) < until:
        wait = due - clock()
        if wait > 0 or spoken % MOST_IN_A_ROW == 0:
            await asyncio.sleep(max(SHORTEST_WAIT_S, wait) if wait > 0 else 0)
        callers[spoken % len(callers)].speak()
        spoken += 1
    return spoken


async def wait_for(complete: Callable[[], bool]) -> None:
    """Wait for the last answers, as long as late ones may take."""
    deadline = clock() + PATIENCE_S
    # An event for each answer would cost more than these looks.
    while clock() < deadline and not complete():  # noqa: ASYNC110
        await asyncio.sleep(CHUNK_S)


# One mask for all: what it protects are proxies on the way, and there are none.
_MASK = secrets.token_bytes(4)
_CLOSE = 8
_TURN = len(LIVE_BEFORE) % 4
_TAG_MASK = _MASK[_TURN:] + _MASK[:_TURN]
_BEFORE_TAG = _head(len(LIVE_BEFORE) + 12 + len(LIVE_AFTER)) + apply_mask(LIVE_BEFORE, _MASK)
# The tag is twelve characters: its mask goes on behind it.
_AFTER_TAG = apply_mask(LIVE_AFTER, _TAG_MASK)
SILENCE = _sound_frame(b"")
