"""A service to talk to: a real WebSocket server on a real port, playing what a test tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from live import ApiKeyAuth, Endpoint, LiveSession, SessionConfig, connect
from tests.live.samples import on_the_wire

CONFIG = SessionConfig(model="gemini-3.8-live")
AUTH = ApiKeyAuth("AIza-made-up")

Play = Callable[["Peer", ServerConnection], Awaitable[None]]
Refuse = Callable[[ServerConnection, Request], Response | None]


@dataclass
class Peer:
    """What the server saw. `messages` are the client's, decoded, in order."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.developer(self.url)

    async def hear(self, socket: ServerConnection) -> dict[str, Any]:
        """The client's next message."""
        message: dict[str, Any] = json.loads(await socket.recv())
        self.messages.append(message)
        async with self.changed:
            self.changed.notify_all()
        return message

    async def hear_until(self, fits: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the messages that were heard are the ones that were waited for."""
        async with self.changed:
            await self.changed.wait_for(lambda: fits(self.messages))

    async def say(self, socket: ServerConnection, *messages: dict[str, Any]) -> None:
        """Messages to the client, each in a binary frame as Google sends them."""
        for message in messages:
            await socket.send(on_the_wire(message))

    async def accept(self, socket: ServerConnection) -> None:
        """Answer the setup."""
        await self.hear(socket)
        await self.say(socket, {"setupComplete": {}})


@asynccontextmanager
async def serving(
    play: Play, *, refuse: Refuse | None = None, ssl: SSLContext | None = None
) -> AsyncIterator[Peer]:
    """A server that does `play` with every socket, or answers the handshake with `refuse`."""
    peer = Peer()

    def process_request(socket: ServerConnection, request: Request) -> Response | None:
        peer.requests.append(request)
        return refuse(socket, request) if refuse else None

    async def handle(socket: ServerConnection) -> None:
        peer.sockets.append(socket)
        await play(peer, socket)

    async with serve(handle, "127.0.0.1", 0, process_request=process_request, ssl=ssl) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        peer.url = f"{'https' if ssl else 'http'}://localhost:{port}"
        yield peer


@asynccontextmanager
async def talking(
    play: Play, config: SessionConfig = CONFIG, **options: Any
) -> AsyncIterator[tuple[Peer, LiveSession]]:
    """A session of one connection, with a server that accepts the setup and plays its part."""

    async def accept_then_play(peer: Peer, socket: ServerConnection) -> None:
        await peer.accept(socket)
        await play(peer, socket)

    async with serving(accept_then_play) as peer:
        connection = await connect(peer.endpoint, AUTH, config, **{"comeback": None} | options)
        try:
            yield peer, connection
        finally:
            await connection.close()
