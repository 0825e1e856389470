"""A client of `parley.v1` over a real socket, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from conversations import protocol as p
from tests.conversations.page import Page

ACK_EVERY = 8
FRAME_S = 0.02


class Client:
    """One socket: sends messages; what comes is acknowledged and folded into `page`."""

    def __init__(self, socket: ClientConnection, page: Page) -> None:
        self.socket = socket
        self.page = page
        self.audio_seq = 0
        self.frames = 0

    async def say(self, message: p.FirstMessage | p.ClientMessage) -> None:
        await self.socket.send(p.encode(message).decode())

    async def speak(self, pcm: bytes, *, faster: float = 1.0) -> None:
        """Send 16 kHz PCM16 as a microphone does, in frames of 20 ms."""
        size = int(p.INPUT_RATE_HZ * FRAME_S) * 2
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number, start in enumerate(range(0, len(pcm), size)):
            self.audio_seq += 1
            header = p.HEADER.pack(p.AUDIO, 0, p.INPUT_RATE_HZ // 100, self.audio_seq)
            await self.socket.send(header + pcm[start : start + size])
            # A microphone's pace: this waits for the time of the next frame, not for an effect.
            due = started + (number + 1) * FRAME_S / faster
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def errors(self, count: int = 1) -> list[str]:
        """Wait for typed errors; return their codes."""

        def found() -> list[str]:
            return [m.code for m in self.page.messages if isinstance(m, p.Error)]

        await self.page.until(lambda: len(found()) >= count)
        return found()

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; return the close code and reason."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""

    async def read(self) -> None:
        try:
            async for frame in self.socket:
                self.frames += 1
                self.page.take(frame)
                if self.frames % ACK_EVERY == 0:
                    await self.say(p.Ack(self.frames))
        except ConnectionClosed:
            pass


@asynccontextmanager
async def dial(
    url: str,
    *,
    page: Page | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] | None = (p.SUBPROTOCOL,),
) -> AsyncIterator[Client]:
    """Open a socket at `url` (`http://host:port` or the full `ws://` address)."""
    address = url.replace("http", "ws", 1)
    if "/ws" not in address:
        address += "/ws/conversations/"
    page = page or Page()
    async with connect(
        address,
        subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols else None,
        additional_headers=headers,
        compression=None,
        max_size=None,
    ) as socket:
        client = Client(socket, page)
        reading = asyncio.create_task(client.read())
        reading.add_done_callback(page.follower_ended)
        try:
            yield client
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
