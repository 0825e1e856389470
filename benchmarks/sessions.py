"""One voice session as the load generator holds it: by the Live protocol or by parley.v1.

Cheap on purpose: it shares its core with the simulator. Frames are put together from parts
made once, of an answer only the tag is read, and no picture of the conversation is kept.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from benchmarks.tally import TAG, Track

CHUNK_BYTES = 3200  # 100 ms of PCM16 at 16 kHz
OPEN_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0
LIVE_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PARLEY_PATH = "/ws/conversations/"
LINE = "How many parcels went out this week, and when does the next one leave?"

clock = time.perf_counter
_decode = msgspec.json.Decoder().decode


class SessionFailed(Exception):
    """A session did not open, or its socket closed early; the text says how."""


class Session(ABC):
    """One socket. `open` it, then `speak` chunks and `type_line` while `track` counts."""

    # Whether audio travels in text frames (JSON) or in binary ones.
    audio_is_text: ClassVar[bool]

    def __init__(self, track: Track) -> None:
        self.track = track
        self.complaints: list[str] = []
        self._socket: ClientConnection | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Return when the model listens. Raises SessionFailed."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._socket = await self._dial()
                self._reading = asyncio.create_task(self._read(), name="session reader")
                await self._introduce()
                await self._ready
        except (TimeoutError, OSError, WebSocketException) as error:
            raise SessionFailed(f"not opened: {type(error).__name__} {error}") from error

    async def speak(self) -> None:
        """Send one chunk; its time begins here. Raises SessionFailed."""
        frame = self._audio(self.track.next_tag())
        self.track.sent(clock())
        await self._send(frame, text=self.audio_is_text)

    @abstractmethod
    async def type_line(self, number: int) -> None:
        """Send a line of text, which the simulator answers by a turn of its own."""

    async def close(self) -> None:
        """Part as a caller does who hangs up; wait until the socket is closed."""
        if self._socket is None:
            return
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await self._part(self._socket)
        except (TimeoutError, ConnectionClosed, SessionFailed):
            await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def _send(self, frame: bytes | str, *, text: bool | None = None) -> None:
        if self._socket is None:
            raise SessionFailed("not opened")
        try:
            await self._socket.send(frame, text=text)
        except ConnectionClosed as closed:
            raise SessionFailed(f"socket closed: {closed}") from closed

    async def _read(self) -> None:
        socket = self._socket
        if socket is None:
            return
        try:
            async for frame in socket:
                await self._take(frame)
        except (ConnectionClosed, SessionFailed):
            pass
        finally:
            if not self._ready.done():
                said = "; ".join([f"closed with {socket.close_code}", *self.complaints])
                self._ready.set_exception(SessionFailed(f"not opened: {said}"))

    def _is_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    @abstractmethod
    async def _dial(self) -> ClientConnection: ...
    @abstractmethod
    async def _introduce(self) -> None: ...
    @abstractmethod
    def _audio(self, tag: bytes) -> bytes: ...
    @abstractmethod
    async def _take(self, frame: bytes | str) -> None: ...
    @abstractmethod
    async def _part(self, socket: ClientConnection) -> None: ...


class Target(Protocol):
    """Where sessions go."""

    def session(self, track: Track) -> Session: ...


@dataclass(frozen=True)
class LiveTarget:
    """The simulator itself, or what passes its protocol on."""

    url: str
    api_key: str

    def session(self, track: Track) -> Session:
        return LiveSession(self, track)


@dataclass(frozen=True)
class ParleyTarget:
    url: str
    agent: str
    key: str

    def session(self, track: Track) -> Session:
        return ParleySession(self, track)


class LiveSession(Session):
    """By the Live protocol of the Developer API."""

    audio_is_text = True

    def __init__(self, target: LiveTarget, track: Track) -> None:
        super().__init__(track)
        self._target = target

    async def type_line(self, number: int) -> None:
        await self._send(json.dumps({"realtimeInput": {"text": f"{LINE} ({number})"}}))

    async def _dial(self) -> ClientConnection:
        headers = {"x-goog-api-key": self._target.api_key}
        return await connect(
            web_socket_url(self._target.url, LIVE_PATH), additional_headers=headers, **OPTIONS
        )

    async def _introduce(self) -> None:
        modalities = {"responseModalities": ["AUDIO"]}
        setup = {"model": "models/gemini-3.8-live", "generationConfig": modalities}
        await self._send(json.dumps({"setup": {**setup, "outputAudioTranscription": {}}}))

    def _audio(self, tag: bytes) -> bytes:
        return LIVE_BEFORE + base64.b64encode(tag + b"\0") + LIVE_AFTER

    async def _take(self, frame: bytes | str) -> None:
        now = clock()
        data = frame if isinstance(frame, bytes) else frame.encode()
        found = data.find(LIVE_DATA)
        if found >= 0:
            start = found + len(LIVE_DATA)
            self.track.answered(base64.b64decode(data[start : start + 12])[: TAG.size], now)
        elif b'"setupComplete"' in data:
            self._is_ready()

    async def _part(self, socket: ClientConnection) -> None:
        await socket.close()


class ParleySession(Session):
    """By parley.v1, with an API key. Acknowledges every 16 frames and once a second."""

    audio_is_text = False
    ACK_FRAMES = 16
    ACK_S = 1.0

    def __init__(self, target: ParleyTarget, track: Track) -> None:
        super().__init__(track)
        self._target = target
        self._frames = 0
        self._acknowledged = 0
        self._acknowledged_at = 0.0

    async def type_line(self, number: int) -> None:
        line = {"type": "text", "id": f"line-{number}", "text": f"{LINE} ({number})"}
        await self._send(json.dumps(line))

    async def _dial(self) -> ClientConnection:
        url = web_socket_url(self._target.url, PARLEY_PATH)
        return await connect(url, subprotocols=[Subprotocol("parley.v1")], **OPTIONS)

    async def _introduce(self) -> None:
        start = {"type": "start", "agent": self._target.agent, "key": self._target.key}
        await self._send(json.dumps(start))

    def _audio(self, tag: bytes) -> bytes:
        return PARLEY_HEADER.pack(1, 0, 160, len(self.track.sent_at)) + tag + PARLEY_AFTER

    async def _take(self, frame: bytes | str) -> None:
        now = clock()
        if isinstance(frame, bytes):
            start = PARLEY_HEADER.size
            self.track.answered(frame[start : start + TAG.size], now)
        else:
            self._take_message(_decode(frame))
        self._frames += 1
        owed = self._frames - self._acknowledged
        if owed >= self.ACK_FRAMES or now - self._acknowledged_at >= self.ACK_S:
            self._acknowledged, self._acknowledged_at = self._frames, now
            await self._send(f'{{"type":"ack","frames":{self._frames}}}')

    def _take_message(self, message: dict[str, Any]) -> None:
        match message:
            case {"kind": "state", "state": "live"} | {"state": {"state": "live"}}:
                self._is_ready()
            case {"type": "error", "code": code}:
                self.complaints.append(f"error {code}")
            case {"type": "gap", "ms": ms}:
                self.complaints.append(f"gap of {ms} ms")
            case {"kind": "notice", "code": code}:
                self.complaints.append(f"notice {code}")

    async def _part(self, socket: ClientConnection) -> None:
        await self._send('{"type":"end"}')
        await socket.wait_closed()


def web_socket_url(url: str, path: str) -> str:
    return url.replace("http", "ws", 1) + path


# No deflate, no keepalive of its own, no proxy of the environment, no pause in reading.
OPTIONS: dict[str, Any] = {
    "compression": None,
    "ping_interval": None,
    "proxy": None,
    "max_size": None,
    "max_queue": None,
    "open_timeout": OPEN_TIMEOUT_S,
}
PARLEY_HEADER = struct.Struct("<BBHI")
_SOUND = random.Random(0).randbytes(CHUNK_BYTES)
PARLEY_AFTER = _SOUND[TAG.size :]
LIVE_DATA = b'"data": "'
LIVE_BEFORE = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"'
# The tag and one more byte make three whole groups of base64.
LIVE_AFTER = base64.b64encode(_SOUND[TAG.size + 1 :]) + b'"}}}'
