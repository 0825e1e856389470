"""The same talk through Parley's own socket, `parley.v1` (docs/reference/socket-protocol.md)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from conversations import protocol as p
from conversations.chat.talk import ChatError, Note
from conversations.states import AgentState, CallState, Speaker, TurnState
from live import Audio, Event, InputTranscript, Interrupted, OutputTranscript, TurnComplete

PATH = "/ws/conversations/"
ACK_EVERY = 8  # frames; the protocol wants 16 at most
ACK_WITHIN_S = 1.0
CLOSE_WAIT_S = 5.0
# Waits before each try to come back after the connection was lost, in seconds.
COME_BACK_AFTER_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
# Whoever is let go with one of these is not let in again: 4400 to 4429 are final.
_FINAL_CODES = range(4400, 4430)
NO_FUNCTION = "This program has no such function."
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

    def events_after(self, picture: p.Picture) -> list[Event]:
        """What a snapshot has to say: whose the open turns are, or that nobody is speaking."""
        open_turns = [turn for turn in picture.turns if turn.state is TurnState.PARTIAL]
        was_answering = Speaker.AGENT in self._speakers.values()
        self._speakers = {turn.turn: turn.speaker for turn in open_turns}
        self._typed = {turn.turn for turn in open_turns if turn.ref is not None}
        is_over = was_answering and picture.agent not in {AgentState.SPEAKING, AgentState.THINKING}
        return [TurnComplete()] if is_over else []

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


Dial = Callable[[], Awaitable[ClientConnection]]


class ParleyTalk:
    """One conversation through Parley. Made by `open_talk`."""

    def __init__(self, socket: ClientConnection, dial: Dial) -> None:
        self._socket = socket
        self._dial = dial
        self._page = uuid.uuid4().hex
        self._key = ""
        self._place = (0, 0)
        self._texts: dict[str, str] = {}  # that no turn has shown, by their ids
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
        self._key = key
        await self._send(p.Start(agent=agent, key=key, page=self._page))
        while self._hello is None:
            await self._next()
        self._keeper = asyncio.create_task(self._keep_alive(self._hello.heartbeat_ms / 1000))

    async def send_text(self, text: str) -> None:
        self._sent += 1
        name = f"chat-{self._sent}"
        self._texts[name] = text
        await self._send(p.SendText(id=name, text=text))

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
            await self._come_back()
            return []
        self._frames += 1
        if self._frames - self._acknowledged >= ACK_EVERY:
            await self._acknowledge()
        return await self._take(frame)

    async def _come_back(self) -> None:
        """Go on where the conversation was. Raises `ChatError` when it is not there any more."""
        code = self._socket.close_code
        if self._hello is None or code in _FINAL_CODES:
            raise _lost(code)
        for wait_s in COME_BACK_AFTER_S:
            await asyncio.sleep(wait_s)
            with contextlib.suppress(OSError, TimeoutError, InvalidHandshake):
                self._socket = await self._dial()
                break
        else:
            raise _lost(code)
        self._frames = self._acknowledged = 0
        epoch, seq = self._place
        conversation = self._hello.conversation
        await self._send(
            p.Resume(conversation, epoch, seq, key=self._key, mode="join", page=self._page)
        )

    async def _take(self, frame: str | bytes) -> list[Event]:
        if isinstance(frame, bytes):
            return _sound(frame)
        try:
            position = p.position_decoder.decode(frame)
            if position.epoch:
                self._place = (position.epoch, position.seq)
            if position.type != "event":
                return await self._told(p.server_decoder.decode(frame))
            event = p.event_decoder.decode(frame)
        except msgspec.MsgspecError:
            raise ChatError(
                "Parley said something that this client does not know. "
                "Use the client of the same version."
            ) from None
        self._ended = isinstance(event, p.Ended)
        if isinstance(event, p.TurnStarted):
            self._forget_texts([event.ref])
        if isinstance(event, p.ToolChanged) and event.state == CallState.REQUESTED:
            await self._send(p.ToolResult(call=event.call, error=NO_FUNCTION))
        return self._reading.events_of(event)

    async def _told(self, message: p.ServerMessage) -> list[Event]:
        match message:
            case p.Resumed():
                await self._send_texts()
            case p.Snapshot(state=picture):
                self._forget_texts(turn.ref for turn in picture.turns)
                await self._send_texts()
                return self._reading.events_after(picture)
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

    async def _send_texts(self) -> None:
        """Say again what may have been lost; what arrived counts once."""
        for name, text in self._texts.items():
            await self._send(p.SendText(id=name, text=text))

    def _forget_texts(self, names: Iterable[str | None]) -> None:
        for name in names:
            self._texts.pop(name or "", None)

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

    def dial() -> Awaitable[ClientConnection]:
        return connect(
            address,
            subprotocols=[Subprotocol(p.SUBPROTOCOL)],
            compression=None,
            max_size=_MAX_FRAME,
            ping_interval=None,
            logger=_log,
        )

    try:
        socket = await dial()
    except (OSError, TimeoutError):
        raise ChatError("Parley cannot be reached. Check --parley and that it runs.") from None
    except (InvalidHandshake, InvalidURI):
        raise ChatError(
            "The address does not answer as Parley. Give --parley its own address, such as "
            "https://parley.example."
        ) from None
    talk = ParleyTalk(socket, dial)
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
