"""A server for the page alone: its files, and a `parley.v1` socket that a test plays by hand.

It sends what `conversations.protocol` encodes, so the page is held against the real schema.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from conversations import protocol as p
from conversations.recordings.consent import Terms
from conversations.states import AgentState, ConversationState, Speaker, TurnState

ROOT = Path(__file__).resolve().parents[2]
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
AGENT = {"id": "0199aaaa-0000-7000-8000-000000000001", "name": "Shop assistant"}
CONVERSATION = "0199bbbb-0000-7000-8000-000000000002"
PAGE = f"/c/{CONVERSATION}/"
NEW_PAGE = f"/talk/{AGENT['id']}/"
RECORDED_PAGE = "/talk/recorded/"
WATCH_PAGE = f"/review/{CONVERSATION}/watch/"
API = "/api/v1/conversations/"
PATIENCE_S = 10.0
MS = p.OUTPUT_RATE_HZ * 2 // 1000  # bytes of a millisecond of the agent's voice


class StandIn:
    """One conversation, hosted by the test. Every socket sees all of it."""

    def __init__(self) -> None:
        self.url = ""
        self.pages: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the conversation: another test begins."""
        self.sockets: list[ServerConnection] = []
        self.messages: list[dict[str, Any]] = []
        self.audio_frames: list[bytes] = []
        self.pictures: list[bytes] = []
        self.picture = p.Picture()
        self.epoch = 1
        self.stream = 0
        self.answers_resume = True
        self.accepts = True
        self.takes_texts = True
        self.refusal: tuple[p.Error, int] | None = None  # what a socket hears, and its close
        self.presence: p.Presence | None = None  # what a socket is told that it is
        self.waiting: p.Waiting | None = None  # told instead of the conversation
        self.frames = 0  # sent to the latest socket
        self._events: list[bytes] = []
        self._audio_seq = 0
        self._news = asyncio.Event()

    # --- what a test does --------------------------------------------------------------

    @property
    def seq(self) -> int:
        return len(self._events)

    @property
    def ms(self) -> int:
        """The conversation's clock: a quarter of a second for each event."""
        return self.seq * 250

    async def event(self, kind: type[p.Event], **fields: Any) -> None:
        """Number an event, fold it, and send it to every socket."""
        made = kind(epoch=self.epoch, seq=self.seq + 1, ms=self.ms, **fields)
        self.picture.fold(made)
        self._events.append(p.encode(made))
        await self.send(self._events[-1])

    async def go_live(self) -> None:
        await self.event(p.StateChanged, state=ConversationState.LIVE)
        await self.event(p.AgentChanged, state=AgentState.LISTENING)

    async def begin_turn(self, speaker: Speaker, ref: str | None = None) -> str:
        turn = f"{self.epoch}.{self.seq + 1}"
        await self.event(p.TurnStarted, turn=turn, speaker=speaker, ref=ref)
        return turn

    async def say(self, turn: str, text: str, voice_ms: int = 0) -> None:
        """More words of the agent, and the sound of them."""
        if voice_ms:
            await self.voice(voice_ms)
        await self.event(p.TurnText, turn=turn, text=text)

    async def begin_voice(self, turn: str) -> None:
        self.stream += 1
        await self.event(p.AgentChanged, state=AgentState.SPEAKING)
        await self.event(p.AudioStarted, stream=self.stream, turn=turn)

    async def voice(self, ms: int) -> None:
        """Sound of the running answer: a low square wave, in pieces of 240 ms."""
        wave = (b"\x00\x08" * 60 + b"\x00\xf8" * 60) * (ms // 5 + 1)
        for start in range(0, ms * MS, 240 * MS):
            self._audio_seq += 1
            pcm = wave[start : min(start + 240 * MS, ms * MS)]
            await self.send(p.audio_frame(self.stream, self._audio_seq, pcm))

    async def end_turn(self, turn: str, state: TurnState = TurnState.FINAL) -> None:
        await self.event(p.TurnEnded, turn=turn, state=state)
        await self.event(p.TurnSaved, turn=turn)

    async def user_says(self, text: str, ref: str | None = None) -> str:
        turn = await self.begin_turn(Speaker.USER, ref)
        await self.event(p.TurnText, turn=turn, text=text)
        await self.end_turn(turn)
        return turn

    async def send(self, frame: bytes) -> None:
        self.frames += 1
        for socket in self.sockets:
            with suppress(ConnectionClosed):
                await socket.send(frame if frame[0] == p.AUDIO else frame.decode())

    def cut(self) -> None:
        """Break every connection without a word."""
        for socket in self.sockets:
            socket.transport.abort()

    async def close(self, code: int, error: p.Error | None = None) -> None:
        if error is not None:
            await self.send(p.encode(error))
        for socket in list(self.sockets):
            await socket.close(code)

    def new_epoch(self) -> None:
        """Another worker hosts it from now on; it knows what was saved."""
        self.epoch += 1
        self._events = []

    # --- what the server does ------------------------------------------------------------

    async def handle(self, socket: ServerConnection) -> None:
        first = json.loads(await socket.recv())
        self.messages.append(first)
        if self.refusal is not None:
            await socket.send(p.encode(self.refusal[0]).decode())
            await socket.close(self.refusal[1])
            return
        card = p.AgentCard(id=AGENT["id"], name=AGENT["name"])
        hello = p.Hello(conversation=CONVERSATION, agent=card, simulated=True)
        self.frames = 1
        await socket.send(p.encode(hello).decode())
        if self.answers_resume:
            for message in self._greeting(first):
                self.frames += 1
                await socket.send(message.decode())
        self.sockets.append(socket)
        self._news.set()
        try:
            async for frame in socket:
                await self._take(socket, frame)
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            if socket in self.sockets:
                self.sockets.remove(socket)
            self._news.set()

    def _greeting(self, first: Mapping[str, Any]) -> list[bytes]:
        if self.waiting is not None:
            return [p.encode(self.waiting)]
        presence = [] if self.presence is None else [p.encode(self.presence)]
        return [*presence, *self._missed(first)]

    def _missed(self, first: Mapping[str, Any]) -> list[bytes]:
        if first["type"] == "resume" and first["epoch"] == self.epoch:
            resumed = p.encode(p.Resumed(epoch=self.epoch, seq=first["seq"]))
            return [resumed, *self._events[first["seq"] :]]
        return [
            p.encode(p.Snapshot(epoch=self.epoch, seq=self.seq, state=self.picture, ms=self.ms))
        ]

    async def _take(self, socket: ServerConnection, frame: bytes | str) -> None:
        if isinstance(frame, bytes):
            p.check_input_frame(frame)
            kept = self.pictures if frame[0] == p.PICTURE else self.audio_frames
            kept.append(frame)
            return
        message = p.client_decoder.decode(frame)
        self.messages.append(json.loads(frame))
        match message:
            case p.Ping():
                self.frames += 1
                await socket.send(p.encode(p.Pong()).decode())
            case p.SendText(id=ref, text=text) if self.takes_texts and not self.knows(ref):
                await self.user_says(text, ref)

    def knows(self, ref: str) -> bool:
        return any(turn.ref == ref for turn in self.picture.turns)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; it is looked at after every frame that comes in."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The page's messages of one type."""
        return [message for message in self.messages if message["type"] == kind]

    def answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.split("?")[0]
        if path == "/ws/conversations/":
            return None if self.accepts else answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", ".html")
        if path in self.pages:
            return answer(HTTPStatus.OK, self.pages[path].encode(), ".html")
        file = ROOT / path.lstrip("/")
        if path.startswith("/static/") and file.is_file():
            return answer(HTTPStatus.OK, file.read_bytes(), file.suffix)
        return answer(HTTPStatus.NOT_FOUND, b"", ".html")


def answer(status: HTTPStatus, body: bytes, suffix: str) -> Response:
    """An HTTP answer with the Content-Security-Policy of the product."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    policy = "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())
    headers = Headers(
        {
            "Content-Type": TYPES[suffix],
            "Content-Length": str(len(body)),
            "Content-Security-Policy": policy,
            "Cache-Control": "max-age=600",
            "Connection": "close",
        }
    )
    return Response(status, status.phrase, headers, body)


def conversation_page(
    conversation: str | None, *, observes: bool = False, terms: Terms | None = None
) -> str:
    """The page as the product renders it."""
    config = {
        "agent": AGENT,
        "conversation": conversation,
        "socket_path": "/ws/conversations/",
        "urls": {
            "conversation": "/c/__id__/",
            "history": "/history/",
            "lobby": "/",
            "back": "/",
            "api": API,
        },
        "observes": observes,
        "person": "Ada Byron" if observes else "You",
        "simulated": True,
        "recording": terms.as_json() if terms else None,
        "user": {"name": "Max Fournier"},
    }
    agent = {**AGENT, "description": "Knows the shoes, the sizes in stock, delivery and returns."}
    context = {
        "page_config": config,
        "agent": agent,
        "terms": terms,
        "tenant": {"name": "Acme Shoes"},
        "csrf_token": "token-of-the-page",
    }
    return render_to_string("conversations/conversation.html", context)


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """Serve on a free port of 127.0.0.1."""
    site = StandIn()
    site.pages = {
        PAGE: conversation_page(CONVERSATION),
        NEW_PAGE: conversation_page(None),
        RECORDED_PAGE: conversation_page(None, terms=Terms(is_required=True, kept_days=30)),
        WATCH_PAGE: conversation_page(CONVERSATION, observes=True),
    }
    server: Server = await serve(
        site.handle,
        "127.0.0.1",
        0,
        subprotocols=[p.SUBPROTOCOL],  # type: ignore[list-item]
        process_request=site.answer_http,
        compression=None,
        close_timeout=1,
    )
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield site
