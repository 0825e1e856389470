"""One accepted WebSocket, as typed frames instead of ASGI dictionaries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

from conversations import protocol as p

# A client that never acknowledges is stopped here; 20 frames a second make this minutes.
UNACKNOWLEDGED_FRAMES = 4096


class Disconnected(Exception):
    """The peer, or the network, ended the socket."""


class Unacknowledged(Exception):
    """The client lets frames pile up without a single acknowledgement."""


class Creditor(Protocol):
    """Who gets credit back once the page has what it sent: a link stream."""

    def consumed(self, size: int) -> None: ...


class Ledger:
    """Which frames a socket was sent and has not acknowledged, oldest first. Pure.

    Credit goes back to the stream that a frame came from, also when another one has
    taken its place since.
    """

    def __init__(self) -> None:
        self._open: deque[tuple[Creditor | None, int]] = deque()
        self._acknowledged = 0

    def sent(self, creditor: Creditor | None, size: int) -> None:
        """Note a frame. Raises Unacknowledged when there are too many."""
        if len(self._open) >= UNACKNOWLEDGED_FRAMES:
            raise Unacknowledged
        self._open.append((creditor, size))

    def acknowledge(self, frames: int) -> None:
        """The client has received `frames` frames in all. More than were sent count as all."""
        while self._acknowledged < frames and self._open:
            creditor, size = self._open.popleft()
            self._acknowledged += 1
            if creditor is not None:
                creditor.consumed(size)


class Socket:
    """Receives and sends frames; keeps the ledger of what the client has.

    `heard_at` is when the last frame came, in the loop's own time (seconds).
    """

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._receive: Any = receive
        self._send: Any = send
        self._clock = asyncio.get_running_loop().time
        self.heard_at = self._clock()
        self.ledger = Ledger()

    async def accept(self, offered: Sequence[str]) -> None:
        """Accept the handshake, with our subprotocol if it is among those `offered`.

        Raises Disconnected.
        """
        message = await self._receive()
        if message["type"] != "websocket.connect":
            raise Disconnected
        # To select what was not offered fails the handshake (RFC 6455, section 4.1).
        subprotocol = p.SUBPROTOCOL if p.SUBPROTOCOL in offered else None
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self) -> str | bytes:
        """Wait for the next frame: text or binary. Raises Disconnected."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise Disconnected
        self.heard_at = self._clock()
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def send(self, message: p.ServerMessage) -> None:
        await self.send_frame(p.encode(message), None)

    async def send_frame(self, frame: bytes, creditor: Creditor | None) -> None:
        """Send one frame as it came over the link; waits while the socket takes no more."""
        self.ledger.sent(creditor, len(frame))
        if frame[0] == p.AUDIO:
            await self._send({"type": "websocket.send", "bytes": frame})
        else:
            await self._send({"type": "websocket.send", "text": frame.decode()})

    async def send_bytes(self, frame: bytes) -> None:
        """Send a frame that no client of this protocol acknowledges; waits as `send_frame`."""
        await self._send({"type": "websocket.send", "bytes": frame})

    async def close(self, code: int, reason: str = "") -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


def explain(error: msgspec.MsgspecError) -> p.Error:
    """Say what is wrong with a client's JSON. The words of the message stay out of it."""
    if isinstance(error, msgspec.ValidationError):
        return p.Error(
            code="bad-message",
            message=f"This message is not one of parley.v1: {error}",
            fix="Compare it with the socket protocol's reference.",
        )
    return p.Error(
        code="bad-json", message="This is not JSON.", fix="Send one JSON object in each text frame."
    )
