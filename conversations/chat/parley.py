"""The same talk through Parley's own socket, `parley.v1` (docs/reference/socket-protocol.md)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from conversations import protocol as p
from conversations.chat.talk import ChatError, Note
from conversations.states import Speaker, TurnState
from live import Audio, Event, InputTranscript, Interrupted, OutputTranscript, TurnComplete

PATH = "/ws/conversations/"
ACK_EVERY = 8  # frames; the protocol wants 16 at most
ACK_WITHIN_S = 1.0
CLOSE_WAIT_S = 5.0
_MAX_FRAME = 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# websockets logs frames at DEBUG, and they hold the key and what is said.
_log = logging.getLogger(f"{__name__}.socket")
_log.setLevel(logging.WARNING)


class Reading:
    """From Parley's messages to the words of `live.events`. Pure."""

    def __init__(self) -> None:
        self._typed: set[str] = set()  # turns that were typed: the screen has them
        self._speakers: dict[str, Speaker] = {}  # of the turns that are open

    def events_of(self, event: p.Event) -> list[Event]:
        match event:
            case p.TurnStarted():
                self._speakers[event.turn] = event.speaker
                if event.ref is not None:
                    self._typed.add(event.turn)
            case p.TurnText():
                return self._words(event)
            case p.TurnEnded():
                return self._end(event)
            case p.Interrupted():
                return [Interrupted()]
            case p.Notice():
                return [Note(event.text)]
            case p.Ended():
                return [Note(f"the conversation has ended: {event.reason}")]
        return []

    def _words(self, event: p.TurnText) -> list[Event]:
        if event.turn in self._typed:
            return []
        is_user = self._speakers.get(event.turn) is Speaker.USER
        return [InputTranscript(event.text) if is_user else OutputTranscript(event.text)]

    def _end(self, event: p.TurnEnded) -> list[Event]:
        self._typed.discard(event.turn)
        speaker = self._speakers.pop(event.turn, None)
        if speaker is not Speaker.AGENT:
            return []
        failed = [Note("the answer failed")] if event.state is TurnState.FAILED else []
        return [*failed, TurnComplete()]


class ParleyTalk:
    """One conversation through Parley. Made by `open_talk`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._reading = Reading()
        self._frames = 0
        self._acknowledged = 0
        self._sent = 0
        self._ended = False
        self._hello: p.Hello | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._hello.agent.name if self._hello else "parley"

    async def start(self, agent: str, key: str) -> None:
        """Begin a conversation. Raises `ChatError` when Parley does not let us."""
        await self._send(p.Start(agent=agent, key=key))
        while self._hello is None:
            await self._next()
        self._keeper = asyncio.create_task(self._keep_alive(self._hello.heartbeat_ms / 1000))

    async def send_text(self, text: str) -> None:
        self._sent += 1
        await self._send(p.SendText(id=f"chat-{self._sent}", text=text))

    async def send_audio(self, pcm: bytes, rate: int) -> None:
        self._sent += 1
        header = p.HEADER.pack(p.AUDIO, 0, rate // 100, self._sent)
        await self._send_frame(header + pcm)

    async def end_audio(self) -> None:
        await self._send(p.AudioEnd())

    async def receive(self) -> list[Event]:
        """As `Talk.receive`. Raises `ChatError` that holds Parley's own fix."""
        while not self._ended:
            if events := await self._next():
                return events
        return []

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                if not self._ended and self._hello is not None:
                    await self._socket.send(p.encode(p.End()).decode())
                await self._socket.close()
        except (ConnectionClosed, TimeoutError):
            self._socket.transport.abort()

    def summary(self) -> str:
        return f"conversation: {self._hello.conversation}" if self._hello else "no conversation"

    async def _next(self) -> list[Event]:
        try:
            frame = await self._socket.recv()
        except ConnectionClosed:
            raise _lost(self._socket.close_code) from None
        self._frames += 1
        if self._frames - self._acknowledged >= ACK_EVERY:
            await self._acknowledge()
        return self._take(frame)

    def _take(self, frame: str | bytes) -> list[Event]:
        if isinstance(frame, bytes):
            return _sound(frame)
        try:
            if p.position_decoder.decode(frame).type == "event":
                event = p.event_decoder.decode(frame)
                self._ended = isinstance(event, p.Ended)
                return self._reading.events_of(event)
            return self._told(p.server_decoder.decode(frame))
        except msgspec.MsgspecError:
            raise ChatError(
                "Parley said something that this client does not know. "
                "Use the client of the same version."
            ) from None

    def _told(self, message: p.ServerMessage) -> list[Event]:
        match message:
            case p.Hello():
                self._hello = message
            case p.Error(fatal=True):
                raise ChatError(f"{message.message} {message.fix}")
            case p.Error():
                return [Note(f"{message.message} {message.fix}")]
            case p.Waiting():
                return [Note(f"waiting: {message.reason}")]
            case p.Gap():
                return [Note(f"{message.ms} ms of sound were dropped")]
        return []

    async def _keep_alive(self, heartbeat_s: float) -> None:
        """Acknowledge what waits, and say in time that we live."""
        loop = asyncio.get_running_loop()
        due = loop.time() + heartbeat_s
        while True:
            await asyncio.sleep(ACK_WITHIN_S)
            if self._frames > self._acknowledged:
                await self._acknowledge()
            if loop.time() >= due - ACK_WITHIN_S:
                due = loop.time() + heartbeat_s
                await self._send(p.Ping())

    async def _acknowledge(self) -> None:
        self._acknowledged = self._frames
        await self._send(p.Ack(self._frames))

    async def _send(self, message: p.FirstMessage | p.ClientMessage) -> None:
        await self._send_frame(p.encode(message).decode())

    async def _send_frame(self, frame: str | bytes) -> None:
        # What made the socket close is told by what comes before the close: `receive` says it.
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(frame)


async def open_talk(url: str, agent: str, key: str) -> ParleyTalk:
    """Connect to Parley at `url` (http or https) and begin a conversation with an agent's id.

    Raises `ChatError` that says what to do.
    """
    address = socket_address(url)
    try:
        socket = await connect(
            address,
            subprotocols=[Subprotocol(p.SUBPROTOCOL)],
            compression=None,
            max_size=_MAX_FRAME,
            ping_interval=None,
            logger=_log,
        )
    except (OSError, TimeoutError):
        raise ChatError("Parley cannot be reached. Check --parley and that it runs.") from None
    except (InvalidHandshake, InvalidURI):
        raise ChatError(
            "The address does not answer as Parley. Give --parley its own address, such as "
            "https://parley.example."
        ) from None
    talk = ParleyTalk(socket)
    async with contextlib.AsyncExitStack() as unless_started:
        unless_started.push_async_callback(talk.close)
        await talk.start(agent, key)
        unless_started.pop_all()
    return talk


def socket_address(url: str) -> str:
    """The WebSocket address of a Parley. Raises `ChatError` where the key would be seen."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ChatError("--parley cannot be read as an address. Correct it.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ChatError("--parley is no http or https address. Give one as https://parley.example.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ChatError("--parley would carry the key unencrypted. Give an https address.")
    return f"ws{url.removeprefix('http').rstrip('/')}{PATH}"


def _sound(frame: bytes) -> list[Event]:
    kind, _, rate, _ = p.HEADER.unpack_from(frame)
    return [Audio(frame[p.HEADER.size :], rate * 100)] if kind == p.AUDIO else []


def _lost(code: int | None) -> ChatError:
    if code == p.Close.DRAINING:
        return ChatError("Parley is being restarted. Begin again in a moment.")
    return ChatError(
        f"The connection to Parley was lost ({code or 'no close code'}). "
        "Begin again; if it goes on, look at Parley's log."
    )
