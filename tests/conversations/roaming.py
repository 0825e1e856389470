"""A person's program that talks on while the servers are restarted under it: `parley.v1` with
all that a good client does. It moves when it is told to, connects again after a drop, resumes,
and sends again what it does not see in the transcript."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from conversations import protocol as p
from conversations.states import AgentState, ConversationState, Speaker
from tests.conversations.page import Page

ACK_EVERY = 8
AGAIN_S = 0.2
AT_REST = frozenset({AgentState.WAITING, AgentState.LISTENING})


class Addresses:
    """What a load balancer knows: the servers that take connections, in turn."""

    def __init__(self, urls: Sequence[str] = ()) -> None:
        self.urls = list(urls)
        self._turn = 0

    def next(self) -> str:
        self._turn += 1
        url = self.urls[self._turn % len(self.urls)]
        return url.replace("http", "ws", 1) + "/ws/conversations/"


class Roamer:
    """One conversation. `moved` and `dropped` count its changes of server."""

    def __init__(self, addresses: Addresses, first: p.Start) -> None:
        self.page = Page()
        self.moved = 0
        self.dropped = 0
        self._addresses = addresses
        self._first = first
        self._name = uuid.uuid4().hex
        self._conversation = ""
        self._sent: dict[str, str] = {}
        self._socket: ClientConnection | None = None
        self._frames = 0
        self._is_attached = False

    @property
    def conversation(self) -> uuid.UUID:
        return uuid.UUID(self._conversation)

    async def run(self) -> None:
        """Talk until cancelled, over one socket after another."""
        socket = await self._dial()
        try:
            while True:
                try:
                    socket = await self._read(socket)
                except ConnectionClosed:
                    self.dropped += 1
                    socket = await self._dial()
        finally:
            await socket.close()

    async def ask(self, ref: str, text: str) -> None:
        """Say something, once, however often it has to be sent."""
        self._sent[ref] = text
        await self._send_text(ref)

    def is_live(self) -> bool:
        return self.page.picture.state == ConversationState.LIVE

    # --- sockets ------------------------------------------------------------------------------

    async def _dial(self) -> ClientConnection:
        while True:
            try:
                return await connect(
                    self._addresses.next(),
                    subprotocols=[Subprotocol(p.SUBPROTOCOL)],
                    compression=None,
                    max_size=None,
                )
            except (OSError, InvalidHandshake, TimeoutError):
                await asyncio.sleep(AGAIN_S * random.uniform(0.5, 1.5))

    async def _read(self, socket: ClientConnection) -> ClientConnection:
        """Follow one socket; returns the next one when its server goes."""
        self._socket, self._frames, self._is_attached = socket, 0, False
        await socket.send(p.encode(self._greeting()).decode())
        leave_by: float | None = None
        async for frame in socket:
            await self._take(socket, frame)
            told = self.page.messages[-1] if self.page.messages else None
            if isinstance(told, p.Moving) and leave_by is None:
                leave_by = asyncio.get_running_loop().time() + told.within_ms / 1000
            if leave_by is not None and self._may_leave(leave_by):
                following = await self._dial()
                self._socket, self._is_attached = None, False
                await socket.close(1000)
                self.moved += 1
                return following
        raise ConnectionClosed(None, None)

    def _may_leave(self, leave_by: float) -> bool:
        is_time = asyncio.get_running_loop().time() > leave_by
        return is_time or (self._is_attached and self.page.picture.agent in AT_REST)

    def _greeting(self) -> p.FirstMessage:
        if not self._conversation:
            return p.Start(agent=self._first.agent, key=self._first.key, page=self._name)
        return p.Resume(
            conversation=self._conversation,
            epoch=self.page.epoch,
            seq=self.page.seq,
            key=self._first.key,
            page=self._name,
        )

    async def _take(self, socket: ClientConnection, frame: str | bytes) -> None:
        before = len(self.page.messages)
        self.page.take(frame)
        self._frames += 1
        if self._frames % ACK_EVERY == 0:
            await socket.send(p.encode(p.Ack(self._frames)).decode())
        for told in self.page.messages[before:]:
            await self._hear(told)

    async def _hear(self, told: p.ServerMessage) -> None:
        match told:
            case p.Hello():
                self._conversation = told.conversation
            case p.Snapshot() | p.Resumed():
                self._is_attached = True
                for ref in self._sent:
                    await self._send_text(ref)

    async def _send_text(self, ref: str) -> None:
        if self._socket is None or not self._is_attached or ref in self.seen():
            return
        with suppress(ConnectionClosed):
            message = p.SendText(id=ref, text=self._sent[ref])
            await self._socket.send(p.encode(message).decode())

    def seen(self) -> list[str]:
        """The ids of the person's texts in the transcript, in order."""
        turns = self.page.picture.turns
        return [turn.ref or "" for turn in turns if turn.speaker == Speaker.USER]
